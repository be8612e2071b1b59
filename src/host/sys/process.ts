import { constants } from 'node:os';
import { check, libcFunction, rawSyscall } from './libc.js';

const getrlimitCall = libcFunction<(resource: number, value: Buffer) => number>('getrlimit', 'int', ['int', 'void *']);
const setrlimitCall = libcFunction<(resource: number, value: Buffer) => number>('setrlimit', 'int', [
  'int',
  'const void *',
]);
const prctlCall = libcFunction<(option: number, a: number, b: number, c: number, d: number) => number>('prctl', 'int', [
  'int',
  'ulong',
  'ulong',
  'ulong',
  'ulong',
]);
const SYS_pidfd_send_signal = 424;
const SYS_pidfd_open = 434;
const pidfdOpenCall = rawSyscall(SYS_pidfd_open, ['int', 'uint']);
const pidfdSignalCall = rawSyscall(SYS_pidfd_send_signal, ['int', 'int', 'void *', 'uint']);

/** Numbers of resources for rlimits. Source: getrlimit(2), asm-generic/resource.h. */
export const RLIMIT = {
  cpu: 0,
  fsize: 1,
  data: 2,
  stack: 3,
  core: 4,
  rss: 5,
  nproc: 6,
  nofile: 7,
  memlock: 8,
  as: 9,
} as const;

export const RLIM_INFINITY = 0xffff_ffff_ffff_ffffn;

export interface Rlimit {
  soft: bigint;
  hard: bigint;
}

export function getRlimit(resource: keyof typeof RLIMIT): Rlimit {
  const value = Buffer.alloc(16);
  check(getrlimitCall(RLIMIT[resource], value), 'getrlimit', resource);
  return { soft: value.readBigUInt64LE(0), hard: value.readBigUInt64LE(8) };
}

/** Throws EPERM when the hard limit would rise without CAP_SYS_RESOURCE. */
export function setRlimit(resource: keyof typeof RLIMIT, { soft, hard }: Rlimit): void {
  const value = Buffer.alloc(16);
  value.writeBigUInt64LE(soft, 0);
  value.writeBigUInt64LE(hard, 8);
  check(setrlimitCall(RLIMIT[resource], value), 'setrlimit', resource);
}

/** Options of prctl(2) that are used. */
export const PR = { SET_PDEATHSIG: 1, SET_DUMPABLE: 4, SET_NAME: 15, SET_CHILD_SUBREAPER: 36 } as const;

export function prctl(option: number, value: number): number {
  return check(prctlCall(option, value, 0, 0, 0), 'prctl');
}

/** A file descriptor that stands for the process, immune to reuse of its id; close it with fs.closeSync. Throws ESRCH. */
export function pidfdOpen(pid: number): number {
  return check(pidfdOpenCall(pid, 0), 'pidfd_open', String(pid));
}

/** Sends a signal through a pidfd. Returns false when the process is gone. */
export function pidfdSendSignal(pidfd: number, signal: NodeJS.Signals | number): boolean {
  const number = typeof signal === 'number' ? signal : constants.signals[signal];
  try {
    check(pidfdSignalCall(pidfd, number, null, 0), 'pidfd_send_signal');
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === 'ESRCH') return false;
    throw error;
  }
}
