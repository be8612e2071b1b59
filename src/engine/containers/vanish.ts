import type { ContainerEntry } from './container-entry.js';
import { containerFiles } from './container-paths.js';
import type { ContainersContext } from './containers-context.js';
import { keepLinksByName } from './links.js';
import { beginRemoval, tellRemoval } from './remove.js';

/**
 * Removes an auto-remove container at its end, as far as anybody can notice: it is in no list, its name is free, and those who wait for that are
 * told. What is left is for `eraseForgotten` and `removeRemains`; the next daemon would find a container that runs in the store and has ended,
 * and remove it as well. Whether it did: not one that somebody works on, that has volumes, or that may not be removable at once. Never throws.
 */
export async function vanish(ctx: ContainersContext, entry: ContainerEntry): Promise<boolean> {
  if (ctx.locks.isHeld(entry.id) || ctx.registry.get(entry.id) !== entry) return false;
  using _lock = await ctx.locks.acquire(entry.id);
  try {
    if (!isQuicklyGone(ctx, entry)) return false;
    keepLinksByName(ctx, entry);
  } catch (err) {
    ctx.deps.log.warn({ err, container: entry.id }, 'an auto-remove container is removed the ordinary way');
    return false;
  }
  const { exitCode, error } = entry.container.state;
  beginRemoval(ctx, entry);
  ctx.registry.forget(entry);
  ctx.recentExits.remember(entry.id, { statusCode: exitCode, error });
  tellRemoval(ctx, entry);
  return true;
}

/** Volumes may be long in going, and shared memory that others have, and images, are mounted in the directory. */
function isQuicklyGone({ deps }: ContainersContext, { id, plan, container }: ContainerEntry): boolean {
  if (plan.length > 0 || container.hostConfig.ipcMode === 'shareable') return false;
  return deps.snapshots.canGoLater(containerFiles(deps.paths, id).directory);
}

/** Removes the files of a container that has vanished, once nothing of it is mounted. Never throws: the next daemon does what this can't. */
export async function removeRemains({ deps }: ContainersContext, { id, run }: ContainerEntry): Promise<void> {
  await run?.released;
  try {
    await deps.snapshots.remove(id, containerFiles(deps.paths, id).directory);
  } catch (err) {
    deps.log.error({ err, container: id }, 'cannot remove the files of an auto-remove container');
  }
}
