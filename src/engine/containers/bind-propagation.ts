import { realpathSync } from 'node:fs';
import { mounts, type MountInfo } from '../../host/sys/mount.js';
import { internal } from '../../shared/errors.js';
import type { MountPropagation } from './container-config.js';
import type { PlannedMount } from './planned-mount.js';

/**
 * The propagation that a bind can have, given the host's mount that its source is on. Throws internal, in dockerd's words, when the client asked for
 * one that this mount does not have; what was only a default becomes private then.
 */
export function possiblePropagation(
  { source, propagation, isDefaultPropagation }: PlannedMount,
  all: () => MountInfo[] = mounts,
): MountPropagation {
  const isShared = propagation === 'shared' || propagation === 'rshared';
  if (!isShared && propagation !== 'slave' && propagation !== 'rslave') return propagation;
  const mount = mountOf(realpathSync(source), all());
  const flags = mount?.propagation ?? [];
  const fits = flags.some((flag) => flag.startsWith('shared:') || (!isShared && flag.startsWith('master:')));
  if (fits) return propagation;
  if (isDefaultPropagation) return 'rprivate';
  const wanted = isShared ? 'shared' : 'shared or slave';
  throw internal(`path ${source} is mounted on ${mount?.mountPoint ?? '/'} but it is not a ${wanted} mount`);
}

/** The mount that a path is on: the deepest, and of several at one place the last, which hides the others. */
function mountOf(path: string, all: readonly MountInfo[]): MountInfo | null {
  let best: MountInfo | null = null;
  for (const mount of all) {
    const { mountPoint } = mount;
    const covers = mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`);
    if (covers && mountPoint.length >= (best?.mountPoint.length ?? 0)) best = mount;
  }
  return best;
}
