import { conflict, errorKind, errorMessage, internal } from '../../shared/errors.js';
import { ZERO_TIME } from '../../shared/rfc3339.js';
import type { ContainerEntry } from './container-entry.js';
import { containerFiles } from './container-paths.js';
import { emitContainerEvent, type ContainersContext } from './containers-context.js';
import { endBackOff } from './end-back-off.js';
import { killRun } from './end-run.js';
import { keepLinksByName, removeLink } from './links.js';
import { releaseFiles, releaseMounts } from './release-run.js';
import { changed } from './state-machine.js';

export interface RemoveOptions {
  force: boolean;
  /** Remove its anonymous volumes as well. */
  volumes: boolean;
  /** Remove the link of that name, not the container. */
  link: boolean;
}

/** Removes a container. Throws conflict while it runs (unless forced) or is being removed already. */
export async function removeContainer(ctx: ContainersContext, ref: string, options: RemoveOptions): Promise<void> {
  if (options.link) return removeLink(ctx, ref);
  const entry = ctx.registry.find(ref);
  if (entry.container.state.removalInProgress) {
    throw conflict(`removal of container ${ref} is already in progress`);
  }
  using _lock = await ctx.locks.acquire(entry.id);
  if (ctx.registry.get(entry.id) !== entry) {
    throw conflict(`removal of container ${ref} is already in progress`);
  }
  if (entry.container.state.running) {
    if (!options.force) throw refusal(ref, entry);
    await killForRemoval(ctx, ref, entry);
  }
  await entry.run?.released;
  await removeStopped(ctx, entry, options.volumes);
}

function refusal(ref: string, { container: { state } }: ContainerEntry): Error {
  const name = ref.replace(/^\//, '');
  if (state.paused) {
    return conflict(`cannot remove container "${name}": container is paused and must be unpaused first`);
  }
  return conflict(
    `cannot remove container "${name}": container is ${state.status}: stop the container before removing or force remove`,
  );
}

async function killForRemoval(ctx: ContainersContext, ref: string, entry: ContainerEntry): Promise<void> {
  entry.exitOnNext = true;
  if (entry.container.state.restarting) return endBackOff(ctx, entry);
  try {
    if (entry.run) await killRun(ctx, entry, entry.run);
  } catch (error) {
    const name = ref.replace(/^\//, '');
    throw internal(`cannot remove container "${name}": could not kill container: ${errorMessage(error)}`, error);
  }
}

/**
 * Removes all of a container that does not run; the caller holds the lock. When something can't be removed the container is dead, and
 * the removal can be repeated, also by the next daemon after a crash in the middle of it.
 */
export async function removeStopped(ctx: ContainersContext, entry: ContainerEntry, volumes: boolean): Promise<void> {
  try {
    await ctx.ahead.discard(ctx, entry);
    await removeParts(ctx, entry, volumes);
  } catch (error) {
    const failure = internal(`container ${entry.id}: ${errorMessage(error)}`, error);
    ctx.registry.show(entry, {
      state: changed(entry.container.state, { removalInProgress: false, dead: true, error: failure.message }),
    });
    ctx.registry.setPhase(entry, 'removing');
    entry.waiters.removalFailed({ statusCode: entry.container.state.exitCode, error: failure.message });
    throw failure;
  }
}

async function removeParts(ctx: ContainersContext, entry: ContainerEntry, volumes: boolean): Promise<void> {
  const { deps } = ctx;
  beginRemoval(ctx, entry);
  await releaseMounts(ctx, entry);
  // The runtime may still be at it, with its log in the bundle; then the end of the run removes the files.
  if (!entry.run) await releaseFiles(ctx, entry);
  await deps.snapshots.remove(entry.id, containerFiles(deps.paths, entry.id).directory);
  await removeVolumes(ctx, entry, volumes);
  keepLinksByName(ctx, entry);
  await ctx.registry.remove(entry);
  tellRemoval(ctx, entry);
}

/** Need not be stored: until the snapshot goes nothing has happened, and a container without one is removed at boot. */
export function beginRemoval(ctx: ContainersContext, entry: ContainerEntry): void {
  entry.phase = 'removing';
  ctx.registry.show(entry, { state: changed(entry.container.state, { removalInProgress: true, dead: true }) });
}

/** Tells all who wait for the container, or listen to events, that it is there no more. */
export function tellRemoval(ctx: ContainersContext, entry: ContainerEntry): void {
  for (const pending of entry.pendingAttaches) pending.giveUp();
  emitContainerEvent(ctx, entry, 'destroy');
  entry.waiters.removed({ statusCode: entry.container.state.exitCode, error: '' });
}

/** Lets go of all volumes, and removes anonymous ones if asked to; one that somebody else uses stays. */
async function removeVolumes(ctx: ContainersContext, entry: ContainerEntry, anonymousToo: boolean): Promise<void> {
  for (const { type, name } of entry.plan) {
    if (type !== 'volume') continue;
    ctx.deps.volumes.unreference(name, entry.id);
    if (!anonymousToo) continue;
    try {
      if (ctx.deps.volumes.inspect(name).anonymous) await ctx.deps.volumes.remove(name, false);
    } catch (err) {
      const isExpected = ['not-found', 'conflict'].includes(errorKind(err));
      if (!isExpected) ctx.deps.log.warn({ err, container: entry.id, volume: name }, 'cannot remove a volume');
    }
  }
}

/** Removes an auto-remove container when it has ended. Never throws. */
export async function discardContainer(ctx: ContainersContext, entry: ContainerEntry): Promise<void> {
  if (ctx.registry.get(entry.id) !== entry || entry.container.state.removalInProgress) return;
  const { startedAt, exitCode, error } = entry.container.state;
  try {
    await removeContainer(ctx, entry.id, { force: true, volumes: true, link: false });
    if (startedAt !== ZERO_TIME) ctx.recentExits.remember(entry.id, { statusCode: exitCode, error });
  } catch (err) {
    if (errorKind(err) === 'conflict' || errorKind(err) === 'not-found') return;
    ctx.deps.log.error({ err, container: entry.id }, 'cannot remove an auto-remove container');
  }
}
