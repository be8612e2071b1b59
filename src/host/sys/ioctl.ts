import { libcFunction } from './libc.js';

/** ioctl(2) with an argument in memory. Negative on failure: see `lastErrno`. */
export const ioctl = libcFunction<(fd: number, request: number, argument: Buffer) => number>('ioctl', 'int', [
  'int',
  'unsigned long',
  'void *',
]);
