import { lstatSync, readdirSync } from 'node:fs';
import { errnoOf } from '../archive-error.js';
import { binaryName, sysName } from '../binary-name.js';
import type { JobContext } from './job-context.js';

export interface DiskUsageArguments {
  directory: string;
}

/** How many entries are looked at between two looks at the signal. */
const BATCH = 512;

/**
 * The apparent size of a tree in bytes: sizes of all files and links (each inode once) as dockerd counts them. What vanishes meanwhile
 * counts 0; so does a missing directory.
 */
export async function diskUsageJob({ directory }: DiskUsageArguments, { signal }: JobContext): Promise<number> {
  const seen = new Set<number>();
  const pending = [binaryName(directory)];
  let total = 0;
  let looked = 0;
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    for (const name of list(path)) {
      if (++looked % BATCH === 0) {
        await new Promise((resolve) => setImmediate(resolve));
        signal.throwIfAborted();
      }
      const child = `${path}/${name}`;
      const stat = lstatSync(sysName(child), { throwIfNoEntry: false });
      if (!stat) continue;
      if (stat.isDirectory()) pending.push(child);
      else if (stat.nlink === 1 || !seen.has(stat.ino)) {
        total += stat.size;
        if (stat.nlink > 1) seen.add(stat.ino);
      }
    }
  }
  return total;
}

function list(path: string): string[] {
  try {
    return readdirSync(sysName(path), { encoding: 'latin1' });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return [];
    throw error;
  }
}
