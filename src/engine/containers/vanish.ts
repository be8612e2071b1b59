import type { ContainerEntry } from './container-entry.js';
import { containerFiles } from './container-paths.js';
import type { ContainersContext } from './containers-context.js';
import { keepLinksByName } from './links.js';
import { beginRemoval, removeVolumes, tellRemoval } from './remove.js';

/**
 * Removes an auto-remove container at its end, as far as anybody can notice: it is in no list, its name and its volumes are free, and those who
 * wait for that are told. What is left is for `eraseForgotten` and `removeRemains`; the next daemon would find a container that runs in the
 * store and has ended, and remove it as well. Whether it did: not one that somebody works on, or that may not be removable at once.
 */
export async function vanish(ctx: ContainersContext, entry: ContainerEntry): Promise<boolean> {
  const { directory } = containerFiles(ctx.deps.paths, entry.id);
  const isOurs = !ctx.locks.isHeld(entry.id) && ctx.registry.get(entry.id) === entry;
  if (!isOurs || !ctx.deps.snapshots.canGoLater(directory)) return false;
  using _lock = await ctx.locks.acquire(entry.id);
  const { exitCode, error } = entry.container.state;
  beginRemoval(ctx, entry);
  await removeVolumes(ctx, entry, true);
  keepLinksByName(ctx, entry);
  ctx.registry.forget(entry);
  ctx.recentExits.remember(entry.id, { statusCode: exitCode, error });
  tellRemoval(ctx, entry);
  return true;
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
