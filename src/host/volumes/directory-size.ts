import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '../../shared/errors.js';

/**
 * Apparent size of everything below a directory, bytes; hard links count once, as with dockerd. What vanishes meanwhile
 * counts nothing. Does not hold up the event loop.
 */
export async function directorySizeBytes(root: string, signal?: AbortSignal): Promise<number> {
  const seen = new Set<string>();
  const visit = async (directory: string): Promise<number> => {
    signal?.throwIfAborted();
    let total = 0;
    try {
      for await (const entry of await opendir(directory)) {
        const path = join(directory, entry.name);
        if (entry.isDirectory()) total += await visit(path);
        else total += await fileSize(path, seen);
      }
    } catch (error) {
      if (!hasCode(error, 'ENOENT', 'ENOTDIR')) throw error;
    }
    return total;
  };
  return visit(root);
}

async function fileSize(path: string, seen: Set<string>): Promise<number> {
  try {
    const { size, nlink, dev, ino } = await lstat(path);
    if (nlink < 2) return size;
    const key = `${dev}:${ino}`;
    if (seen.has(key)) return 0;
    seen.add(key);
    return size;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 0;
    throw error;
  }
}
