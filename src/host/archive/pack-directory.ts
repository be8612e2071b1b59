import type { Readable } from 'node:stream';
import type { WritesItself } from '../../shared/socket-body.js';
import type { IdMap } from './id-map.js';
import { jobStream } from './job-stream.js';
import type { PackArguments } from './jobs/pack-job.js';

export interface PackOptions {
  /** The directory is an overlayfs upper layer: write whiteouts and opaque markers as image layers have them. */
  layer?: boolean;
  idMap?: IdMap;
  signal?: AbortSignal;
}

/**
 * A tar archive of what is in a directory (the directory itself has no entry). The same tree gives the same bytes: names in byte order, numeric
 * owners, whole seconds, files with several names as hard links to the first, file capabilities kept, sockets left out. Read it
 * to the end or destroy it; it fails with ArchiveError or the signal's reason.
 */
export function packDirectory(directory: string, options: PackOptions = {}): Readable {
  const { layer = false, idMap = null, signal } = options;
  return packStream({ root: directory, path: '', name: '', layer, idMap }, signal);
}

/** The output of a pack job as a stream, which the job's thread can write to a client itself; destroying it ends the job. */
export function packStream(args: PackArguments, signal?: AbortSignal): Readable & WritesItself {
  return jobStream('pack', args, signal);
}
