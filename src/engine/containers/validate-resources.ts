import { invalid } from '../../shared/errors.js';
import type { Resources } from './container-config.js';

const MIN_MEMORY_BYTES = 6 * 1024 * 1024;

/** What the machine has. */
export interface HostCapacity {
  cpus: number;
  /** Of the memory nodes, `0-1`. */
  memoryNodes: number;
  /** Whether the kernel weighs block I/O. */
  blkioWeight: boolean;
  swapLimit: boolean;
}

/** Checks resource limits of a create or (with the merged result) of an update; returns warnings. Source: dockerd 28.5. */
export function validateResources(resources: Resources, capacity: HostCapacity): string[] {
  const warnings: string[] = [];
  checkMemory(resources, warnings);
  checkCpu(resources, capacity);
  checkSets(resources, capacity);
  if (resources.cpuPercent > 0) warnings.push('linux does not support CPU percent. Percent discarded.');
  if (resources.blkioWeight !== 0) {
    if (!capacity.blkioWeight) {
      warnings.push('Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.');
    } else if (resources.blkioWeight < 10 || resources.blkioWeight > 1000) {
      throw invalid('Range of blkio weight is from 10 to 1000');
    }
  }
  if (resources.oomKillDisable && resources.memoryBytes === 0) {
    warnings.push(
      'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.',
    );
  }
  return warnings;
}

function checkMemory(resources: Resources, warnings: string[]): void {
  const { memoryBytes, memorySwapBytes, memoryReservationBytes, memorySwappiness } = resources;
  if (memoryBytes !== 0 && memoryBytes < MIN_MEMORY_BYTES) throw invalid('Minimum memory limit allowed is 6MB');
  if (memoryBytes > 0 && memorySwapBytes > 0 && memorySwapBytes < memoryBytes) {
    throw invalid('Minimum memoryswap limit should be larger than memory limit, see usage');
  }
  if (memoryBytes === 0 && memorySwapBytes > 0) {
    throw invalid('You should always set the Memory limit when using Memoryswap limit, see usage');
  }
  if (memorySwappiness !== null && (memorySwappiness < -1 || memorySwappiness > 100)) {
    throw invalid(`Invalid value: ${memorySwappiness}, valid memory swappiness range is 0-100`);
  }
  if (memoryReservationBytes > 0 && memoryReservationBytes < MIN_MEMORY_BYTES) {
    throw invalid('Minimum memory reservation allowed is 6MB');
  }
  if (memoryBytes > 0 && memoryReservationBytes > 0 && memoryBytes < memoryReservationBytes) {
    throw invalid('Minimum memory limit can not be less than memory reservation limit, see usage');
  }
  if (resources.kernelMemoryTcpBytes > 0) {
    warnings.push('Specifying a kernel TCP memory limit is deprecated and will be removed in a future release.');
  }
}

function checkCpu(resources: Resources, capacity: HostCapacity): void {
  const { nanoCpus, cpuPeriod, cpuQuota, cpuShares } = resources;
  if (nanoCpus !== 0) {
    if (cpuPeriod > 0) throw invalid('Conflicting options: Nano CPUs and CPU Period cannot both be set');
    if (cpuQuota > 0) throw invalid('Conflicting options: Nano CPUs and CPU Quota cannot both be set');
    if (nanoCpus < 0 || nanoCpus > capacity.cpus * 1e9) {
      const all = capacity.cpus.toFixed(2);
      throw invalid(`range of CPUs is from 0.01 to ${all}, as there are only ${capacity.cpus} CPUs available`);
    }
  }
  if (cpuShares < 0) throw invalid(`invalid CPU shares (${cpuShares}): value must be a positive integer`);
  if (cpuPeriod !== 0 && (cpuPeriod < 1000 || cpuPeriod > 1_000_000)) {
    throw invalid('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)');
  }
  if (cpuQuota > 0 && cpuQuota < 1000) throw invalid('CPU cfs quota can not be less than 1ms (i.e. 1000)');
}

function checkSets(resources: Resources, capacity: HostCapacity): void {
  checkSet('cpus', 'CPUs', resources.cpusetCpus, capacity.cpus);
  checkSet('mems', 'memory nodes', resources.cpusetMems, capacity.memoryNodes);
}

function checkSet(kind: string, things: string, text: string, count: number): void {
  if (text === '') return;
  const numbers = parseCpuSet(text);
  if (!numbers) throw invalid(`Invalid value ${text} for cpuset ${kind}: invalid format: ${text}`);
  if (numbers.some((number) => number >= count)) {
    const available = count === 1 ? '0' : `0-${count - 1}`;
    throw invalid(`Requested ${things} are not available - requested ${text}, available: ${available}`);
  }
}

/** The numbers of a list such as `0-2,7`; null when it is none. Source: cpuset(7), List format. */
export function parseCpuSet(text: string): number[] | null {
  const numbers: number[] = [];
  for (const part of text.split(',')) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
    if (!match) return null;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last < first || last > 8192) return null;
    for (let number = first; number <= last; number++) numbers.push(number);
  }
  return numbers;
}
