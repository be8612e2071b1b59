import { check, libcFunction } from './libc.js';

const F_DUPFD_CLOEXEC = 1030;
const call = libcFunction<(fd: number, command: number, least: number) => number>('fcntl', 'int', [
  'int',
  'int',
  'int',
]);

/** Another descriptor of the same open file, not inherited by programs that are started; the caller closes it. */
export function duplicateFd(fd: number): number {
  return check(call(fd, F_DUPFD_CLOEXEC, 3), 'fcntl');
}
