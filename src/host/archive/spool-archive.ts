import type { Readable } from 'node:stream';
import { submitArchiveJob } from './archive-workers.js';
import type { SpooledArchive, SpooledEntry } from './jobs/spool-archive-job.js';

export type { SpooledArchive, SpooledEntry };

/**
 * Reads an archive that can't be rewound, compressed or not, to its end, on a worker thread: large files go into `directory`
 * (not yet synced), where they are the caller's to remove. Rejects with ArchiveError for a bad archive, or the signal's reason; nothing is
 * left then.
 */
export function spoolArchive(source: Readable, directory: string, signal: AbortSignal): Promise<SpooledArchive> {
  return submitArchiveJob('spool-archive', { directory }, { input: source, signal });
}
