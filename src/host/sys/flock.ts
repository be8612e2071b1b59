import { closeSync, constants, openSync } from 'node:fs';
import { check, libcFunction } from './libc.js';

const LOCK_EX = 2;
const LOCK_NB = 4;
const call = libcFunction<(fd: number, operation: number) => number>('flock', 'int', ['int', 'int']);

/**
 * Takes an exclusive lock on a file, made if need be (mode 0600), and holds it until disposed of or until the process
 * dies. Throws EAGAIN (that is EWOULDBLOCK) at once when another process holds it. The file stays: removing a lock
 * file lets two processes hold "the" lock.
 */
export function lockFile(path: string): Disposable & { readonly fd: number } {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  try {
    check(call(fd, LOCK_EX | LOCK_NB), 'flock', path);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  let held = true;
  return {
    fd,
    [Symbol.dispose]() {
      if (held) closeSync(fd);
      held = false;
    },
  };
}
