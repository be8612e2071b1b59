import { statfsSync } from 'node:fs';

/** Room on the file system that a path is on. */
export interface DiskSpace {
  totalBytes: number;
  /** What a process may still write (the reserve for root not counted). */
  availableBytes: number;
  /** Free inodes; null where the file system has no fixed number. */
  availableFiles: number | null;
}

/** Throws ENOENT for a path that does not exist. */
export function diskSpace(path: string): DiskSpace {
  const { bsize, blocks, bavail, files, ffree } = statfsSync(path);
  return { totalBytes: blocks * bsize, availableBytes: bavail * bsize, availableFiles: files === 0 ? null : ffree };
}
