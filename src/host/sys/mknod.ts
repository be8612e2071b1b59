import { constants } from 'node:fs';
import { AT_FDCWD, check, cPath, libcFunction, type SysPath } from './libc.js';

const mknodatCall = libcFunction<(dirfd: number, path: SysPath, mode: number, device: bigint) => number>(
  'mknodat',
  'int',
  ['int', 'const char *', 'uint32', 'uint64'],
);

/** dev_t as the C library packs it. Source: makedev(3), gnu_dev_makedev. */
export function makeDevice(major: number, minor: number): bigint {
  const [ma, mi] = [BigInt(major), BigInt(minor)];
  return ((ma & 0xfffn) << 8n) | (mi & 0xffn) | ((mi & ~0xffn) << 12n) | ((ma & ~0xfffn) << 32n);
}

/** The halves of a dev_t, as in `rdev` of fs.Stats. */
export function splitDevice(device: number | bigint): { major: number; minor: number } {
  const value = BigInt(device);
  return {
    major: Number(((value >> 8n) & 0xfffn) | ((value >> 32n) & ~0xfffn)),
    minor: Number((value & 0xffn) | ((value >> 12n) & 0xffffff00n)),
  };
}

/**
 * mknod(2). `mode` is the file type (S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK, S_IFREG) with the permission bits; the umask
 * applies. Throws a SystemError.
 */
export function mknodSync(path: SysPath, mode: number, major: number, minor: number): void {
  mknodat(AT_FDCWD, path, mode, major, minor);
}

/** mknodat(2): as mknodSync, with the path relative to an open directory. */
export function mknodat(dirfd: number, path: SysPath, mode: number, major: number, minor: number): void {
  check(mknodatCall(dirfd, cPath(path, 'mknod'), mode, makeDevice(major, minor)), 'mknod', path);
}

/** Makes a named pipe. */
export function mkfifoSync(path: SysPath, permissions: number): void {
  mknodSync(path, constants.S_IFIFO | permissions, 0, 0);
}
