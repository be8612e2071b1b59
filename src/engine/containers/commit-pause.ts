import { existsSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { errorMessage } from '../../shared/errors.js';
import type { ContainerEntry } from './container-entry.js';
import { runFiles } from './container-paths.js';
import type { ContainersContext } from './containers-context.js';
import { freeze } from './pause.js';

/**
 * Pauses a running container for a commit; disposing lets it go on. null when there is nothing to pause: it does not run, is
 * paused already, or can't be (as with dockerd, the commit is made all the same). The caller holds the lock. A mark in the bundle
 * tells a daemon that starts after a crash who paused it.
 */
export async function pausedForCommit(ctx: ContainersContext, entry: ContainerEntry): Promise<AsyncDisposable | null> {
  const { running, paused, restarting } = entry.container.state;
  if (!running || paused || restarting) return null;
  const { commitPause } = runFiles(ctx.deps.paths, entry.id);
  try {
    writeFileSync(commitPause, '');
    await freeze(ctx, entry, true);
  } catch (err) {
    ctx.deps.log.warn({ err, container: entry.id }, 'committing a container that could not be paused');
    await rm(commitPause, { force: true });
    return null;
  }
  return { [Symbol.asyncDispose]: () => endCommitPause(ctx, entry) };
}

/** Lets a container go on that a commit paused; not paused by one is fine. */
export async function endCommitPause(ctx: ContainersContext, entry: ContainerEntry): Promise<void> {
  const { commitPause } = runFiles(ctx.deps.paths, entry.id);
  if (!existsSync(commitPause)) return;
  try {
    if (entry.container.state.paused) await freeze(ctx, entry, false);
    await rm(commitPause, { force: true });
  } catch (err) {
    ctx.deps.log.error({ err, container: entry.id }, `cannot unpause after a commit: ${errorMessage(err)}`);
  }
}
