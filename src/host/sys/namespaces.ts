import { closeSync, constants, mkdirSync, openSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { check, libcFunction } from './libc.js';
import { mount, MS, umountAll, umountAllOnThread } from './mount.js';

const CLONE_NEWNET = 0x40000000;
const unshareCall = libcFunction<(flags: number) => number>('unshare', 'int', ['int']);
const setnsCall = libcFunction<(fd: number, type: number) => number>('setns', 'int', ['int', 'int']);

const OWN_NET = '/proc/thread-self/ns/net';
const NOT_FOUND = new Set(['ENOENT']);

/**
 * Makes a network namespace that lives until `removeNetns(path)`: a bind mount of it on the (new, empty) file `path`, whose
 * directory is made if need be. Throws EEXIST when the file is there. Nothing is left on failure.
 */
export function createNetns(path: string): void {
  const { fd } = openNetns(() => undefined);
  try {
    pinNetns(fd, path);
  } finally {
    closeSync(fd);
  }
}

/**
 * Makes a network namespace that lives as long as the descriptor (close-on-exec) or something else that holds it, and shows in no
 * directory. `inside` runs in it, under the rules of `inNetns`, and its result is returned too.
 */
export function openNetns<T>(inside: () => T): { fd: number; inside: T } {
  return awayFromHome(
    () => check(unshareCall(CLONE_NEWNET), 'unshare'),
    () => {
      const fd = openSync(OWN_NET, constants.O_RDONLY);
      try {
        return { fd, inside: inside() };
      } catch (error) {
        closeSync(fd);
        throw error;
      }
    },
  );
}

/** Makes an open network namespace live until `removeNetns(path)`, as `createNetns` does. The descriptor stays the caller's. */
export function pinNetns(fd: number, path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  closeSync(openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o444));
  try {
    mount(`/proc/self/fd/${fd}`, path, null, MS.BIND);
  } catch (error) {
    removeNetns(path);
    throw error;
  }
}

/** Removes what createNetns or pinNetns made. The namespace itself goes with its last process. A path that is gone is fine. */
export function removeNetns(path: string): void {
  umountAll(path);
  unlinkNetns(path);
}

/** As `removeNetns`; the main loop does not wait for the kernel meanwhile. */
export async function removeNetnsOnThread(path: string): Promise<void> {
  await umountAllOnThread(path);
  unlinkNetns(path);
}

function unlinkNetns(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!NOT_FOUND.has((error as { code?: string }).code ?? '')) throw error;
  }
}

/**
 * Runs a function inside a network namespace (a path like /proc/PID/ns/net or one of createNetns). The function must be
 * synchronous through and through: file and DNS calls that Node does on other threads, and anything after an await, run in the
 * daemon's own namespace. A socket opened inside stays in there for good.
 */
export function inNetns<T>(path: string, fn: () => T): T {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    return awayFromHome(() => check(setnsCall(fd, CLONE_NEWNET), 'setns', path), fn);
  } finally {
    closeSync(fd);
  }
}

/**
 * Moves this thread into a network namespace of its own, for good, with the programs that it starts from then on. For tests that
 * play host; the daemon never calls it.
 */
export function unshareNetwork(): void {
  check(unshareCall(CLONE_NEWNET), 'unshare');
}

/**
 * Leaves this thread's network namespace, runs, and comes back. A main thread stuck in a container's namespace would listen and
 * dial in there from then on, so failing to return ends the process.
 */
function awayFromHome<T>(leave: () => unknown, fn: () => T): T {
  const home = openSync(OWN_NET, constants.O_RDONLY);
  try {
    leave();
    try {
      return fn();
    } finally {
      if (setnsCall(home, CLONE_NEWNET) !== 0) process.abort();
    }
  } finally {
    closeSync(home);
  }
}
