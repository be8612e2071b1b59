import { rmSync } from 'node:fs';
import { removeBundle } from './bundle.js';
import type { ContainerEntry } from './container-entry.js';
import { runFiles } from './container-paths.js';
import type { ContainersContext } from './containers-context.js';
import { unmountImages } from './image-mounts.js';
import { unmountShm } from './shm.js';

/** Gives back the volumes that a start mounted. */
export async function releaseVolumes(ctx: ContainersContext, entry: ContainerEntry): Promise<void> {
  for (const { type, name } of entry.plan) {
    if (type === 'volume') await ctx.deps.volumes.unmount(name, entry.id);
  }
}

/** Takes down all that a run mounted. Goes on after a failing step, which is logged; can be repeated. */
export async function releaseMounts(ctx: ContainersContext, entry: ContainerEntry): Promise<void> {
  await unmountOwn(ctx, entry, () => unmountRoot(ctx, entry));
  await letGoOfVolumes(ctx, entry);
}

/**
 * The part of it that is nobody else's business, and takes the kernel its time: aside, for the end of a run. Who mounts the root file
 * system waits for `entry.unmounting` before, or counts as a view already. As forgiving.
 */
export function unmountAside(ctx: ContainersContext, entry: ContainerEntry): Promise<void> {
  const unmountRootAside = async (): Promise<void> => {
    if (entry.views === 0) await ctx.deps.snapshots.unmountAside(entry.id);
  };
  const unmounting = unmountOwn(ctx, entry, unmountRootAside).finally(() => (entry.unmounting = null));
  entry.unmounting = unmounting;
  return unmounting;
}

function unmountOwn(ctx: ContainersContext, entry: ContainerEntry, root: () => Promise<void>): Promise<void> {
  return tryAll(ctx, entry, [
    ['root file system', root],
    ['shared memory', () => unmountShm(ctx, entry.container)],
    ['image mounts', () => unmountImages(ctx, entry)],
  ]);
}

/** The part of it that others are told of. As forgiving. */
export function letGoOfVolumes(ctx: ContainersContext, entry: ContainerEntry): Promise<void> {
  return tryAll(ctx, entry, [['volumes', () => releaseVolumes(ctx, entry)]]);
}

/** Removes the files (few and in memory) of a run whose shim has done everything. As forgiving as `releaseMounts`. */
export function releaseFiles(ctx: ContainersContext, entry: ContainerEntry): Promise<void> {
  const files = runFiles(ctx.deps.paths, entry.id);
  return tryAll(ctx, entry, [
    ['socket', () => rmSync(files.socket, { force: true })],
    ['bundle', () => removeBundle(files)],
  ]);
}

async function tryAll(
  ctx: ContainersContext,
  entry: ContainerEntry,
  steps: [string, () => void | Promise<void>][],
): Promise<void> {
  for (const [step, run] of steps) {
    try {
      await run();
    } catch (err) {
      ctx.deps.log.error({ err, container: entry.id, step }, 'cannot clean up after a container');
    }
  }
}

/** Unmounts the root file system, unless somebody copies from or to it just now (then the last one does it). */
export async function unmountRoot(ctx: ContainersContext, entry: ContainerEntry): Promise<void> {
  if (entry.views === 0) await ctx.deps.snapshots.unmount(entry.id);
}
