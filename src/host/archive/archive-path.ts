import type { Readable } from 'node:stream';
import { notFound } from '../../shared/errors.js';
import type { IdMap } from './id-map.js';
import { packStream } from './pack-directory.js';
import { requestedPath, statPath, type PathStat } from './stat-path.js';

/**
 * A tar archive of a path inside a root (`docker cp` out of a container), named by the path's last component: `/etc` gives `etc/…`,
 * `/etc/.` gives `./…`, `/` gives `/…`. A link is archived as a link, unless the path ends in `/` or `/.`. Links on the way are resolved in the root.
 *
 * Throws not-found when there is no such path, ArchiveError `lstat /x/: not a directory`. Read the stream to the end or destroy it.
 */
export function archivePath(
  root: string,
  path: string,
  options: { idMap?: IdMap; signal?: AbortSignal } = {},
): { stat: PathStat; stream: Readable } {
  const stat = statPath(root, path);
  if (!stat) throw notFound(`Could not find the file ${path}`);
  const { relative, mustBeDirectory, name } = requestedPath(path);
  const packed = mustBeDirectory && relative !== '' ? `${relative}/.` : relative;
  const args = { root, path: packed, name, layer: false, idMap: options.idMap ?? null };
  return { stat, stream: packStream(args, options.signal) };
}
