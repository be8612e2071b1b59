import { lstatSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '../../shared/errors.js';

/** What is removed without leaving the thread: a few hundred microseconds of system calls. */
const FEW_ENTRIES = 64;
const SMALL_FILE_BYTES = 4 * 1024 * 1024;

/**
 * Removes a directory and all in it; missing is fine. A small one is gone when this returns: that takes less time than handing each of its
 * files to a thread. A larger one goes on threads.
 */
export async function removeTree(path: string): Promise<void> {
  if (!removeSmallTree(path)) await rm(path, { recursive: true, force: true });
}

/** False if it is too large, or something is in the way; some of it may be gone then. */
function removeSmallTree(path: string): boolean {
  const files: string[] = [];
  const directories = [path];
  try {
    for (const directory of directories) {
      for (const entry of readdirSync(directory, { withFileTypes: true })) {
        const child = join(directory, entry.name);
        if (entry.isDirectory()) directories.push(child);
        else files.push(child);
        if (files.length + directories.length > FEW_ENTRIES) return false;
        if (entry.isFile() && lstatSync(child).size > SMALL_FILE_BYTES) return false;
      }
    }
    for (const file of files) unlinkSync(file);
    for (const directory of directories.reverse()) rmdirSync(directory);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT') && directories.length === 1 && files.length === 0) return true;
    return false;
  }
}
