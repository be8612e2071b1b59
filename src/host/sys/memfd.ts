import { closeSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { check, lastErrno, libcFunction } from './libc.js';

const memfdCreate = libcFunction<(name: string, flags: number) => number>('memfd_create', 'int', [
  'const char *',
  'uint',
]);
const fcntl = libcFunction<(fd: number, command: number, value: number) => number>('fcntl', 'int', [
  'int',
  'int',
  'int',
]);

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_EXEC = 0x10;
const F_ADD_SEALS = 1033;
/** No more seals, no shrinking, growing or writing. */
const ALL_SEALS = 0xf;

/**
 * An executable file without a name that nobody can change any more, not even through /proc; its descriptor is
 * close-on-exec. Throws EACCES where the kernel allows none (vm.memfd_noexec).
 */
export function sealedProgram(name: string, content: Buffer): number {
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  let fd = memfdCreate(name, flags | MFD_EXEC);
  // Kernels before 6.3 don't know the flag, and all files can be executed.
  if (fd < 0 && lastErrno() === constants.errno.EINVAL) fd = memfdCreate(name, flags);
  check(fd, 'memfd_create', name);
  try {
    for (let done = 0; done < content.length;) done += writeSync(fd, content, done);
    check(fcntl(fd, F_ADD_SEALS, ALL_SEALS), 'fcntl', name);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
