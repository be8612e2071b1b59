import type { Draft } from '../../shared/draft.js';
import type { ResourceSupport } from '../../host/cgroup/resource-support.js';
import { invalid } from '../../shared/errors.js';
import type { Resources } from './container-config.js';

const MIN_MEMORY_BYTES = 6 * 1024 * 1024;

/** What the machine has. */
export interface HostCapacity {
  cpus: number;
  /** Of the memory nodes, `0-1`. */
  memoryNodes: number;
  supports: ResourceSupport;
}

/** Resources as they are granted, and what the client has to know about those that are not. */
export interface FittedResources<R extends Resources> {
  resources: Draft<R>;
  warnings: string[];
}

/**
 * Checks the resource limits of a create or (only what was given) of an update, and drops those that this kernel can't
 * enforce, with dockerd's warning. Throws invalid in dockerd's words. Source: dockerd 28.5.
 */
export function fitResources<R extends Resources>(
  asked: R,
  capacity: HostCapacity,
  { isUpdate = false } = {},
): FittedResources<R> {
  const fitting: FittedResources<R> = { resources: { ...asked }, warnings: [] };
  const { resources } = fitting;
  if (resources.memorySwappiness === -1) resources.memorySwappiness = null;
  fitMemory(fitting, capacity.supports, isUpdate);
  fitOomAndPids(fitting, capacity.supports);
  fitCpu(fitting, capacity);
  fitSets(fitting, capacity);
  fitBlkio(fitting, capacity.supports);
  return fitting;
}

/** The numbers that dockerd looks at before all others. Throws invalid. */
export function validateCpuNumbers(r: Resources, supports: ResourceSupport): void {
  const { cpuRealtimePeriod: period, cpuRealtimeRuntime: runtime } = r;
  if ((period !== 0 || runtime !== 0) && !supports.cpuRealtime) {
    throw invalid('kernel does not support CPU real-time scheduler');
  }
  if (period !== 0 && runtime !== 0 && runtime > period) {
    throw invalid('cpu real-time runtime cannot be higher than cpu real-time period');
  }
  if (r.cpuShares < 0) throw invalid(`invalid CPU shares (${r.cpuShares}): value must be a positive integer`);
}

/** `what` can't be had here: `drop` takes it away. */
function discard(fitting: FittedResources<Resources>, drop: Partial<Resources>, warning: string): void {
  Object.assign(fitting.resources, drop);
  fitting.warnings.push(warning);
}

const lacks = (what: string, discarded: string): string =>
  `Your kernel does not support ${what} or the cgroup is not mounted. ${discarded}`;

function fitMemory(fitting: FittedResources<Resources>, supports: ResourceSupport, isUpdate: boolean): void {
  const { resources: r } = fitting;
  if (r.memoryBytes !== 0 && r.memoryBytes < MIN_MEMORY_BYTES) throw invalid('Minimum memory limit allowed is 6MB');
  if (r.memoryBytes > 0 && !supports.memoryLimit) {
    discard(
      fitting,
      { memoryBytes: 0, memorySwapBytes: -1 },
      lacks('memory limit capabilities', 'Limitation discarded.'),
    );
  }
  if (r.memoryBytes > 0 && r.memorySwapBytes !== -1 && !supports.swapLimit) {
    discard(fitting, { memorySwapBytes: -1 }, lacks('swap limit capabilities', 'Memory limited without swap.'));
  }
  if (r.memoryBytes > 0 && r.memorySwapBytes > 0 && r.memorySwapBytes < r.memoryBytes) {
    throw invalid('Minimum memoryswap limit should be larger than memory limit, see usage');
  }
  if (!isUpdate && r.memoryBytes === 0 && r.memorySwapBytes > 0) {
    throw invalid('You should always set the Memory limit when using Memoryswap limit, see usage');
  }
  if (r.memorySwappiness !== null && !supports.memorySwappiness) {
    discard(
      fitting,
      { memorySwappiness: null },
      lacks('memory swappiness capabilities', 'Memory swappiness discarded.'),
    );
  }
  if (r.memorySwappiness !== null && (r.memorySwappiness < 0 || r.memorySwappiness > 100)) {
    throw invalid(`Invalid value: ${r.memorySwappiness}, valid memory swappiness range is 0-100`);
  }
  if (r.memoryReservationBytes > 0 && !supports.memoryReservation) {
    discard(fitting, { memoryReservationBytes: 0 }, lacks('memory soft limit capabilities', 'Limitation discarded.'));
  }
  if (r.memoryReservationBytes > 0 && r.memoryReservationBytes < MIN_MEMORY_BYTES) {
    throw invalid('Minimum memory reservation allowed is 6MB');
  }
  if (r.memoryBytes > 0 && r.memoryReservationBytes > 0 && r.memoryBytes < r.memoryReservationBytes) {
    throw invalid('Minimum memory limit can not be less than memory reservation limit, see usage');
  }
  if (r.kernelMemoryBytes > 0 && !supports.kernelMemory) {
    discard(fitting, { kernelMemoryBytes: 0 }, lacks('kernel memory limit capabilities', 'Limitation discarded.'));
  }
  if (r.kernelMemoryBytes > 0 && r.kernelMemoryBytes < MIN_MEMORY_BYTES) {
    throw invalid('Minimum kernel memory limit allowed is 6MB');
  }
}

function fitOomAndPids(fitting: FittedResources<Resources>, supports: ResourceSupport): void {
  const { resources: r } = fitting;
  if (!supports.oomKillDisable) {
    // Not asked for is nothing to warn of, but is shown as unknown too.
    if (r.oomKillDisable) {
      fitting.warnings.push('Your kernel does not support OomKillDisable. OomKillDisable discarded.');
    }
    r.oomKillDisable = null;
  }
  if (r.oomKillDisable && r.memoryBytes === 0) {
    fitting.warnings.push(
      'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.',
    );
  }
  if (r.pidsLimit !== null && r.pidsLimit > 0 && !supports.pidsLimit) {
    discard(fitting, { pidsLimit: null }, lacks('PIDs limit capabilities', 'PIDs limit discarded.'));
  }
}

function fitCpu(fitting: FittedResources<Resources>, { cpus, supports }: HostCapacity): void {
  const { resources: r } = fitting;
  const hasCfs = supports.cpuCfsPeriod && supports.cpuCfsQuota;
  if (r.nanoCpus !== 0) {
    if (r.cpuPeriod > 0) throw invalid('Conflicting options: Nano CPUs and CPU Period cannot both be set');
    if (r.cpuQuota > 0) throw invalid('Conflicting options: Nano CPUs and CPU Quota cannot both be set');
    if (!hasCfs) {
      throw invalid(
        'NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted',
      );
    }
    if (r.nanoCpus < 0 || r.nanoCpus > cpus * 1e9) {
      throw invalid(`range of CPUs is from 0.01 to ${cpus.toFixed(2)}, as there are only ${cpus} CPUs available`);
    }
  }
  if (r.cpuShares > 0 && !supports.cpuShares) {
    discard(fitting, { cpuShares: 0 }, lacks('CPU shares', 'Shares discarded.'));
  }
  if ((r.cpuPeriod !== 0 || r.cpuQuota !== 0) && !hasCfs) {
    discard(
      fitting,
      { cpuPeriod: 0, cpuQuota: 0 },
      'Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.',
    );
  }
  if (r.cpuPeriod !== 0 && (r.cpuPeriod < 1000 || r.cpuPeriod > 1_000_000)) {
    throw invalid('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)');
  }
  if (r.cpuQuota > 0 && r.cpuQuota < 1000) throw invalid('CPU cfs quota can not be less than 1ms (i.e. 1000)');
  if (r.cpuPercent > 0) {
    discard(fitting, { cpuPercent: 0 }, 'linux does not support CPU percent. Percent discarded.');
  }
  // No warning: a create has been refused before, and an update is told nothing.
  if (!supports.cpuRealtime) Object.assign(r, { cpuRealtimePeriod: 0, cpuRealtimeRuntime: 0 });
}

function fitSets(fitting: FittedResources<Resources>, { cpus, memoryNodes, supports }: HostCapacity): void {
  const { resources: r } = fitting;
  if ((r.cpusetCpus !== '' || r.cpusetMems !== '') && !supports.cpuSet) {
    discard(fitting, { cpusetCpus: '', cpusetMems: '' }, lacks('cpuset', 'Cpuset discarded.'));
  }
  checkSet('cpus', 'CPUs', r.cpusetCpus, cpus);
  checkSet('mems', 'memory nodes', r.cpusetMems, memoryNodes);
}

function fitBlkio(fitting: FittedResources<Resources>, supports: ResourceSupport): void {
  const { resources: r } = fitting;
  if (r.blkioWeight > 0 && !supports.blkioWeight) {
    discard(fitting, { blkioWeight: 0 }, lacks('Block I/O weight', 'Weight discarded.'));
  }
  if (r.blkioWeight !== 0 && (r.blkioWeight < 10 || r.blkioWeight > 1000)) {
    throw invalid('Range of blkio weight is from 10 to 1000');
  }
  if (r.ioMaximumBandwidth !== 0) {
    throw invalid('invalid option: QoS maximum bandwidth configuration is not supported on linux');
  }
  if (r.ioMaximumIops !== 0) {
    throw invalid('invalid option: QoS maximum IOPs configuration is not supported on linux');
  }
  if (r.blkioWeightDevice.length > 0 && !supports.blkioWeightDevice) {
    discard(fitting, { blkioWeightDevice: [] }, lacks('Block I/O weight_device', 'Weight-device discarded.'));
  }
  if (r.blkioDeviceReadBps.length > 0 && !supports.blkioReadBps) {
    const what = lacks('BPS Block I/O read limit', 'Block I/O BPS read limit discarded.');
    discard(fitting, { blkioDeviceReadBps: [] }, what);
  }
  if (r.blkioDeviceWriteBps.length > 0 && !supports.blkioWriteBps) {
    const what = lacks('BPS Block I/O write limit', 'Block I/O BPS write limit discarded.');
    discard(fitting, { blkioDeviceWriteBps: [] }, what);
  }
  if (r.blkioDeviceReadIops.length > 0 && !supports.blkioReadIops) {
    const what = lacks('IOPS Block read limit', 'Block I/O IOPS read limit discarded.');
    discard(fitting, { blkioDeviceReadIops: [] }, what);
  }
  if (r.blkioDeviceWriteIops.length > 0 && !supports.blkioWriteIops) {
    const what = lacks('IOPS Block write limit', 'Block I/O IOPS write limit discarded.');
    discard(fitting, { blkioDeviceWriteIops: [] }, what);
  }
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
