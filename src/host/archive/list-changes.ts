import { submitArchiveJob } from './archive-workers.js';
import type { PathChange } from './jobs/changes-job.js';

export type { PathChange };

/**
 * What a container changed: its overlay upper directory against the layers below (topmost first, the init layer among them), sorted by path;
 * `kind` is 0 modified, 1 added, 2 deleted. A directory is modified when something inside it is, the root excepted.
 * Source: dockerd 28.5, GET /containers/{id}/changes.
 */
export function listChanges(upper: string, lowers: string[], signal?: AbortSignal): Promise<PathChange[]> {
  return submitArchiveJob('changes', { upper, lowers }, { signal });
}
