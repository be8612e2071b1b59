import { submitArchiveJob } from './archive-workers.js';

/** The apparent size of all files below a directory, each inode once; 0 when it does not exist. Runs on a worker thread. */
export function diskUsageBytes(directory: string, signal?: AbortSignal): Promise<number> {
  return submitArchiveJob('disk-usage', { directory }, { signal });
}
