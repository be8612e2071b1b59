import { check, cPath, lastErrno, libcFunction, type SysPath, systemError } from './libc.js';
import { constants } from 'node:os';

const { ENODATA, ERANGE, EOPNOTSUPP } = constants.errno;

const get = libcFunction<(path: SysPath, name: string, value: Buffer | null, size: number) => number>(
  'lgetxattr',
  'intptr_t',
  ['const char *', 'const char *', 'void *', 'size_t'],
);
const set = libcFunction<(path: SysPath, name: string, value: Buffer, size: number, flags: number) => number>(
  'lsetxattr',
  'int',
  ['const char *', 'const char *', 'const void *', 'size_t', 'int'],
);
const list = libcFunction<(path: SysPath, names: Buffer | null, size: number) => number>('llistxattr', 'intptr_t', [
  'const char *',
  'void *',
  'size_t',
]);
const remove = libcFunction<(path: SysPath, name: string) => number>('lremovexattr', 'int', [
  'const char *',
  'const char *',
]);

/** Linux's bounds for one value and for a list of names; a first guess of 4 KiB saves the second call nearly always. */
const GUESS_BYTES = 4096;
const MAX_BYTES = 65536;

/** The value of an extended attribute of the path itself (links are not followed); null when it has none of that name. */
export function lgetxattr(path: SysPath, name: string): Buffer | null {
  const target = cPath(path, 'lgetxattr');
  for (const size of [GUESS_BYTES, MAX_BYTES]) {
    const value = Buffer.allocUnsafe(size);
    const length = get(target, name, value, size);
    if (length >= 0) return Buffer.from(value.subarray(0, length));
    const errno = lastErrno();
    if (errno === ENODATA || errno === EOPNOTSUPP) return null;
    if (errno !== ERANGE || size === MAX_BYTES) throw systemError(errno, 'lgetxattr', path, name);
  }
  return null;
}

/** Sets an extended attribute of the path itself. Throws ENOTSUP where the file system has none of that kind. */
export function lsetxattr(path: SysPath, name: string, value: Buffer): void {
  check(set(cPath(path, 'lsetxattr'), name, value, value.length, 0), 'lsetxattr', path, name);
}

/** The names of the extended attributes of the path itself; none where the file system has no such thing. */
export function llistxattr(path: SysPath): string[] {
  const target = cPath(path, 'llistxattr');
  for (const size of [GUESS_BYTES, MAX_BYTES]) {
    const names = Buffer.allocUnsafe(size);
    const length = list(target, names, size);
    if (length >= 0) return length === 0 ? [] : names.toString('utf8', 0, length - 1).split('\0');
    const errno = lastErrno();
    if (errno === EOPNOTSUPP) return [];
    if (errno !== ERANGE || size === MAX_BYTES) throw systemError(errno, 'llistxattr', path);
  }
  return [];
}

/** Removes an extended attribute of the path itself. Throws ENODATA when there is none. */
export function lremovexattr(path: SysPath, name: string): void {
  check(remove(cPath(path, 'lremovexattr'), name), 'lremovexattr', path, name);
}
