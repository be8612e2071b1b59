import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../../shared/errors.js';
import { containerDirectory, type CgroupLayout } from './cgroup-layout.js';
import { memoryStatV1, memoryStatV2 } from './memory-stat.js';
import { parseFlat } from './parse-flat.js';

/** A counter of one block device. */
export interface BlkioEntry {
  major: number;
  minor: number;
  op: string;
  value: number;
}

/** What the control group of a process has used. null: the kernel does not say. Times are nanoseconds. */
export interface CgroupSample {
  cpuTotalNs: number;
  cpuUserNs: number;
  cpuKernelNs: number;
  /** By processor; null on v2. */
  cpuPerProcessorNs: number[] | null;
  throttledPeriods: number;
  periods: number;
  throttledNs: number;
  memoryUsageBytes: number;
  /** null on v2. */
  memoryMaxUsageBytes: number | null;
  /** null: no limit. */
  memoryLimitBytes: number | null;
  memoryFailures: number;
  /** Those that dockerd shows; {}: there is no such controller. */
  memoryStat: Record<string, number>;
  pids: number | null;
  /** null: unlimited. */
  pidsLimit: number | null;
  ioBytes: BlkioEntry[];
  ioOperations: BlkioEntry[];
}

/** A tick of the kernel's USER_HZ, which is 100 on every Linux that Node runs on. */
const NS_PER_TICK = 1e7;
/** v1 writes "no limit" as the largest multiple of a page that fits into a signed number. */
const NO_LIMIT = 2 ** 62;

/** Reads the counters of a container's group, found by its first process; what a group that is just going away no longer tells is 0. */
export function readCgroupSample(layout: CgroupLayout, initPid: number, containerId: string): CgroupSample {
  const of = (controller: string): string | null => containerDirectory(layout, initPid, containerId, controller);
  return layout.version === 2 ? readV2(of('')) : readV1(of);
}

/** Text of a control file, '' when there is none. */
function control(directory: string | null, file: string): string {
  if (directory === null) return '';
  try {
    return readFileSync(join(directory, file), 'utf8').trim();
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENODEV', 'EOPNOTSUPP')) return '';
    throw error;
  }
}

function readV1(of: (controller: string) => string | null): CgroupSample {
  const cpuacct = of('cpuacct');
  const ticks = parseFlat(control(cpuacct, 'cpuacct.stat'));
  const throttling = parseFlat(control(of('cpu'), 'cpu.stat'));
  const memory = of('memory');
  const limit = Number(control(memory, 'memory.limit_in_bytes') || NO_LIMIT);
  return {
    cpuTotalNs: Number(control(cpuacct, 'cpuacct.usage') || 0),
    cpuUserNs: (ticks['user'] ?? 0) * NS_PER_TICK,
    cpuKernelNs: (ticks['system'] ?? 0) * NS_PER_TICK,
    cpuPerProcessorNs: control(cpuacct, 'cpuacct.usage_percpu').split(/\s+/).filter(Boolean).map(Number),
    periods: throttling['nr_periods'] ?? 0,
    throttledPeriods: throttling['nr_throttled'] ?? 0,
    throttledNs: throttling['throttled_time'] ?? 0,
    memoryUsageBytes: Number(control(memory, 'memory.usage_in_bytes') || 0),
    memoryMaxUsageBytes: Number(control(memory, 'memory.max_usage_in_bytes') || 0),
    memoryLimitBytes: limit >= NO_LIMIT ? null : limit,
    memoryFailures: Number(control(memory, 'memory.failcnt') || 0),
    memoryStat: memoryStatV1(control(memory, 'memory.stat')),
    ...pidsOf(of('pids')),
    ioBytes: parseBlkio(control(of('blkio'), 'blkio.throttle.io_service_bytes_recursive')),
    ioOperations: parseBlkio(control(of('blkio'), 'blkio.throttle.io_serviced_recursive')),
  };
}

function readV2(directory: string | null): CgroupSample {
  const cpu = parseFlat(control(directory, 'cpu.stat'));
  const max = control(directory, 'memory.max');
  const events = parseFlat(control(directory, 'memory.events'));
  const io = parseIoStat(control(directory, 'io.stat'));
  return {
    cpuTotalNs: (cpu['usage_usec'] ?? 0) * 1000,
    cpuUserNs: (cpu['user_usec'] ?? 0) * 1000,
    cpuKernelNs: (cpu['system_usec'] ?? 0) * 1000,
    cpuPerProcessorNs: null,
    periods: cpu['nr_periods'] ?? 0,
    throttledPeriods: cpu['nr_throttled'] ?? 0,
    throttledNs: (cpu['throttled_usec'] ?? 0) * 1000,
    memoryUsageBytes: Number(control(directory, 'memory.current') || 0),
    memoryMaxUsageBytes: null,
    memoryLimitBytes: max === '' || max === 'max' ? null : Number(max),
    memoryFailures: events['oom'] ?? 0,
    memoryStat: memoryStatV2(control(directory, 'memory.stat')),
    ...pidsOf(directory),
    ...io,
  };
}

function pidsOf(directory: string | null): { pids: number | null; pidsLimit: number | null } {
  const current = control(directory, 'pids.current');
  const max = control(directory, 'pids.max');
  return {
    pids: current === '' ? null : Number(current),
    pidsLimit: max === '' || max === 'max' ? null : Number(max),
  };
}

/** `8:0 Read 4096` per line, and a `Total` at the end that has no device. */
export function parseBlkio(text: string): BlkioEntry[] {
  return text.split('\n').flatMap((line) => {
    const match = /^(\d+):(\d+) (\w+) (\d+)$/.exec(line);
    if (!match) return [];
    return [{ major: Number(match[1]), minor: Number(match[2]), op: match[3] ?? '', value: Number(match[4]) }];
  });
}

/** `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6` per line. Source: kernel Documentation/admin-guide/cgroup-v2.rst. */
export function parseIoStat(text: string): { ioBytes: BlkioEntry[]; ioOperations: BlkioEntry[] } {
  const ioBytes: BlkioEntry[] = [];
  const ioOperations: BlkioEntry[] = [];
  for (const line of text.split('\n')) {
    const match = /^(\d+):(\d+) (.*)$/.exec(line);
    if (!match) continue;
    const values = new Map((match[3] ?? '').split(' ').map((pair) => pair.split('=') as [string, string]));
    const entry = (op: string, key: string): BlkioEntry => ({
      major: Number(match[1]),
      minor: Number(match[2]),
      op,
      value: Number(values.get(key) ?? 0),
    });
    ioBytes.push(entry('read', 'rbytes'), entry('write', 'wbytes'));
    ioOperations.push(entry('read', 'rios'), entry('write', 'wios'));
  }
  return { ioBytes, ioOperations };
}
