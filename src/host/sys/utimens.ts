import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, check, cPath, libcFunction, type SysPath } from './libc.js';

const call = libcFunction<(dirfd: number, path: SysPath, times: Buffer, flags: number) => number>('utimensat', 'int', [
  'int',
  'const char *',
  'const void *',
  'int',
]);
const times = Buffer.alloc(32);
const NS_PER_SECOND = 1_000_000_000n;

/** Sets access and modification time in nanoseconds since 1970 (may be negative) on the path itself; links are not followed. */
export function utimensat(path: SysPath, atimeNs: bigint, mtimeNs: bigint): void {
  utimensatAt(AT_FDCWD, path, atimeNs, mtimeNs);
}

/** As utimensat, with the path relative to an open directory. */
export function utimensatAt(dirfd: number, path: SysPath, atimeNs: bigint, mtimeNs: bigint): void {
  writeTimespec(0, atimeNs);
  writeTimespec(16, mtimeNs);
  check(call(dirfd, cPath(path, 'utimensat'), times, AT_SYMLINK_NOFOLLOW), 'utimensat', path);
}

/** The nanoseconds of a timespec are never negative: 1.5 s before 1970 is -2 s and 500,000,000 ns. */
function writeTimespec(offset: number, ns: bigint): void {
  const remainder = ((ns % NS_PER_SECOND) + NS_PER_SECOND) % NS_PER_SECOND;
  times.writeBigInt64LE((ns - remainder) / NS_PER_SECOND, offset);
  times.writeBigInt64LE(remainder, offset + 8);
}
