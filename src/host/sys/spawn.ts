import { closeSync, constants, openSync, readSync } from 'node:fs';
import { asyncLibcFunction, check, lastErrno, libcFunction, systemError } from './libc.js';

type Pointer = Buffer;

const spawnCall = asyncLibcFunction<
  [pid: Pointer, path: string, actions: Pointer, attributes: Pointer, argv: (string | null)[], env: (string | null)[]],
  number
>('posix_spawn', 'int', ['void *', 'const char *', 'void *', 'void *', 'const char **', 'const char **']);
const waitpidCall = libcFunction<(pid: number, status: Pointer, options: number) => number>('waitpid', 'int', [
  'int',
  'void *',
  'int',
]);
const pipe2Call = libcFunction<(fds: Pointer, flags: number) => number>('pipe2', 'int', ['void *', 'int']);
const opaque = (name: string, ...more: string[]): ((...args: never[]) => number) =>
  libcFunction<(...args: never[]) => number>(name, 'int', ['void *', ...more]);
const actionsInit = opaque('posix_spawn_file_actions_init') as (a: Pointer) => number;
const actionsDestroy = opaque('posix_spawn_file_actions_destroy') as (a: Pointer) => number;
const actionsDup2 = opaque('posix_spawn_file_actions_adddup2', 'int', 'int') as (
  a: Pointer,
  from: number,
  to: number,
) => number;
const attributesInit = opaque('posix_spawnattr_init') as (a: Pointer) => number;
const attributesDestroy = opaque('posix_spawnattr_destroy') as (a: Pointer) => number;
const attributesSetFlags = opaque('posix_spawnattr_setflags', 'short') as (a: Pointer, flags: number) => number;
const attributesSetDefaults = opaque('posix_spawnattr_setsigdefault', 'void *') as (a: Pointer, set: Pointer) => number;
const attributesSetMask = opaque('posix_spawnattr_setsigmask', 'void *') as (a: Pointer, set: Pointer) => number;

/** Larger than either opaque structure in glibc (336 and 80 bytes) and musl. */
const OPAQUE_BYTES = 512;
const SIGSET_BYTES = 128;
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const O_CLOEXEC = 0o2000000;
const EINTR = 4;
const MAX_COMPLAINT_BYTES = 4096;

export interface FinishedProcess {
  /** null: ended by a signal. */
  exitCode: number | null;
  /** The first 4 KiB of what it wrote to stderr. */
  stderr: string;
}

/**
 * Runs a program that ends within a millisecond or two, and waits for it. It exists because fork(2) of a process of
 * Node's size costs several milliseconds in page tables, which posix_spawn(3) does not: it shares the memory until the exec.
 * For that long it stops the thread that calls it, one of libuv's here; only the rest of the program's time is waited for on this one.
 * stdin and stdout are /dev/null. The program starts with no signal blocked or ignored (Node ignores SIGPIPE).
 *
 * `name` is what it sees as its own name. Rejects with a SystemError when it can't be started.
 */
export async function runBriefly(path: string, args: readonly string[], name: string = path): Promise<FinishedProcess> {
  const [readEnd, writeEnd] = pipe();
  let isWriteEndOpen = true;
  try {
    const pid = await spawn(path, [name, ...args], writeEnd);
    closeSync(writeEnd);
    isWriteEndOpen = false;
    const exitCode = waitFor(pid);
    return { exitCode, stderr: exitCode === 0 ? '' : readComplaint(readEnd) };
  } finally {
    if (isWriteEndOpen) closeSync(writeEnd);
    closeSync(readEnd);
  }
}

function pipe(): [number, number] {
  const fds = Buffer.alloc(8);
  check(pipe2Call(fds, O_CLOEXEC), 'pipe2');
  return [fds.readInt32LE(0), fds.readInt32LE(4)];
}

/** Nobody changes it, and to read it takes as long as the call. */
let environment: string[] | undefined;

async function spawn(path: string, argv: readonly string[], stderr: number): Promise<number> {
  const actions = Buffer.alloc(OPAQUE_BYTES);
  const attributes = Buffer.alloc(OPAQUE_BYTES);
  const pid = Buffer.alloc(4);
  const nowhere = openSync('/dev/null', constants.O_RDWR);
  actionsInit(actions);
  attributesInit(attributes);
  try {
    actionsDup2(actions, nowhere, 0);
    actionsDup2(actions, nowhere, 1);
    actionsDup2(actions, stderr, 2);
    attributesSetFlags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    attributesSetDefaults(attributes, Buffer.alloc(SIGSET_BYTES, 0xff));
    attributesSetMask(attributes, Buffer.alloc(SIGSET_BYTES));
    environment ??= Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
    // posix_spawn gives its error as the result, not through errno.
    const errno = await spawnCall(pid, path, actions, attributes, [...argv, null], [...environment, null]);
    if (errno !== 0) throw systemError(errno, 'posix_spawn', path);
    return pid.readInt32LE(0);
  } finally {
    actionsDestroy(actions);
    attributesDestroy(attributes);
    closeSync(nowhere);
  }
}

/** libuv waits for its own children by pid only, so this one is ours to reap. */
function waitFor(pid: number): number | null {
  const status = Buffer.alloc(4);
  while (waitpidCall(pid, status, 0) < 0) {
    if (lastErrno() !== EINTR) throw systemError(lastErrno(), 'waitpid');
  }
  const value = status.readInt32LE(0);
  return (value & 0x7f) === 0 ? (value >> 8) & 0xff : null;
}

/** The program has ended, so what it wrote is in the pipe; a child of it that kept stderr open is not waited for. */
function readComplaint(fd: number): string {
  const buffer = Buffer.alloc(MAX_COMPLAINT_BYTES);
  return buffer.subarray(0, readSync(fd, buffer)).toString();
}
