import { closeSync, openSync, statfsSync } from 'node:fs';
import { check, libcFunction } from './libc.js';

const syncfsCall = libcFunction<(fd: number) => number>('syncfs', 'int', ['int']);

/** Magic numbers of file systems that behaviour depends on. Source: statfs(2). */
export const FS_MAGIC = {
  tmpfs: 0x01021994,
  overlayfs: 0x794c7630,
  ext: 0xef53,
  xfs: 0x58465342,
  btrfs: 0x9123683e,
  zfs: 0x2fc12fc1,
  cgroup: 0x27e0eb,
  cgroup2: 0x63677270,
  nsfs: 0x6e736673,
  nfs: 0x6969,
} as const;

/** Size and kind of the file system that holds a path. */
export function fileSystemOf(path: string): { magic: number; totalBytes: number; availableBytes: number } {
  const { type, bsize, blocks, bavail } = statfsSync(path);
  return { magic: type, totalBytes: bsize * blocks, availableBytes: bsize * bavail };
}

/** Writes everything of the file system that holds the path to disk; blocks this thread. */
export function syncFileSystem(path: string): void {
  const fd = openSync(path, 'r');
  try {
    check(syncfsCall(fd), 'syncfs', path);
  } finally {
    closeSync(fd);
  }
}
