import type { Readable } from 'node:stream';
import { invalid, notFound } from '../../shared/errors.js';
import { errnoOf } from './archive-error.js';
import { submitArchiveJob } from './archive-workers.js';
import type { IdMap } from './id-map.js';
import { statPath } from './stat-path.js';

export interface ExtractOptions {
  /** Refuse to put a file where a directory is, and the other way round. */
  noOverwriteDirNonDir?: boolean;
  /** Give everything to this user (`copyUIDGID`). */
  owner?: { uid: number; gid: number };
  idMap?: IdMap;
  signal?: AbortSignal;
}

/**
 * Extracts an archive (compressed or not) into the directory `path` of a container whose file system is at `root`: a mounted
 * overlay, or `/proc/PID/root` of a running one, whose mounts are seen then. All links are resolved inside the root, also those that
 * appear meanwhile. The stream is consumed, and destroyed on failure.
 *
 * Throws not-found when the path does not exist, invalid `extraction point is not a directory`, ArchiveError for faults of the archive.
 * What was extracted before a fault stays, as with dockerd.
 */
export async function extractIntoRoot(
  root: string,
  path: string,
  source: Readable | { path: string },
  options: ExtractOptions = {},
): Promise<void> {
  const isStream = 'pipe' in source;
  try {
    requireDirectory(root, path);
    await submitArchiveJob(
      'extract',
      {
        sourcePath: isStream ? null : source.path,
        root,
        path,
        noOverwriteDirNonDir: options.noOverwriteDirNonDir ?? false,
        owner: options.owner ?? null,
        idMap: options.idMap ?? null,
      },
      { input: isStream ? source : undefined, signal: options.signal },
    );
  } catch (error) {
    if (isStream) source.destroy();
    throw error;
  }
}

function requireDirectory(root: string, path: string): void {
  try {
    if (!statPath(root, `${path}/.`)) throw notFound(`Could not find the file ${path}`);
  } catch (error) {
    throw errnoOf(error) === 'ENOTDIR' ? invalid('extraction point is not a directory', error) : error;
  }
}
