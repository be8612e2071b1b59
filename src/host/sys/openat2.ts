import { constants } from 'node:fs';
import { check, cPath, rawSyscall, type SysPath } from './libc.js';

/** How openat2(2) resolves a path. Source: openat2(2). */
export const RESOLVE = {
  /** No mount point is crossed. */
  NO_XDEV: 0x01,
  /** No /proc/PID/fd-like link is followed. */
  NO_MAGICLINKS: 0x02,
  NO_SYMLINKS: 0x04,
  /** Leaving the directory fails with EXDEV. */
  BENEATH: 0x08,
  /** The directory is the root: absolute links and `..` stay inside, as after a chroot. */
  IN_ROOT: 0x10,
} as const;

/** Open flags that Node's fs.constants does not have. */
export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;

const SYS_openat2 = 437;
const HOW_BYTES = 24;
const call = rawSyscall(SYS_openat2, ['int', 'const char *', 'const void *', 'size_t']);
const how = Buffer.alloc(HOW_BYTES);

/**
 * openat2(2). Returns a file descriptor, close-on-exec, that the caller closes (fs.closeSync). `resolve` is a sum of RESOLVE.
 * Throws a SystemError; EAGAIN of the kernel (a rename raced with `..`) is retried here.
 */
export function openat2(
  dirfd: number,
  path: SysPath,
  options: { flags: number; mode?: number; resolve?: number },
): number {
  const target = cPath(path, 'openat2');
  how.writeBigUInt64LE(BigInt(options.flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(options.mode ?? 0), 8);
  how.writeBigUInt64LE(BigInt(options.resolve ?? 0), 16);
  for (let attempt = 1; ; attempt++) {
    try {
      return check(call(dirfd, target, how, HOW_BYTES), 'openat2', path);
    } catch (error) {
      if ((error as { code?: string }).code !== 'EAGAIN' || attempt === 32) throw error;
    }
  }
}

/** Opens a directory inside `rootFd` as a chroot to it would see it; no link leads out. The caller closes it. */
export function openDirectoryInRoot(rootFd: number, path: SysPath): number {
  return openat2(rootFd, path, { flags: constants.O_DIRECTORY | constants.O_RDONLY, resolve: RESOLVE.IN_ROOT });
}
