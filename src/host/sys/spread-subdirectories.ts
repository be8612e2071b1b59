import { closeSync, constants, openSync } from 'node:fs';
import { ioctl } from './ioctl.js';

// Source: linux/fs.h, as on all 64-bit little-endian architectures that Node runs on.
const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
const FS_TOPDIR_FL = 0x00020000;

/**
 * Tells the file system that what is in the subdirectories of `directory` is unrelated (`chattr +T`), so that ext4 gives
 * each a region of its own. Only a hint: returns false where the file system has no such flag. Throws Node's error when
 * the directory can't be opened. Source: chattr(1), ioctl_iflags(2).
 */
export function spreadSubdirectories(directory: string): boolean {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    // The kernel reads and writes an int, though the request is declared for a long.
    const flags = Buffer.alloc(8);
    if (ioctl(fd, FS_IOC_GETFLAGS, flags) < 0) return false;
    const before = flags.readUInt32LE(0);
    if ((before & FS_TOPDIR_FL) !== 0) return true;
    flags.writeUInt32LE((before | FS_TOPDIR_FL) >>> 0, 0);
    return ioctl(fd, FS_IOC_SETFLAGS, flags) === 0;
  } finally {
    closeSync(fd);
  }
}
