import { conflict, notFound } from '../../shared/errors.js';
import type { ContainerEntry } from './container-entry.js';
import type { ContainersContext } from './containers-context.js';
import { launchContainer } from './launch.js';
import { startRefusal } from './state-machine.js';

/** Starts a container by a client's wish. Throws not-modified when it runs. */
export async function startContainer(ctx: ContainersContext, ref: string): Promise<void> {
  const entry = ctx.registry.find(ref);
  try {
    await startLocked(ctx, entry);
  } catch (error) {
    const hasFailed = entry.container.state.error !== '' && !entry.container.state.running;
    if (hasFailed && entry.container.hostConfig.autoRemove) await ctx.discard(entry);
    throw error;
  }
}

async function startLocked(ctx: ContainersContext, entry: ContainerEntry): Promise<void> {
  using _lock = await ctx.locks.acquire(entry.id);
  if (ctx.registry.get(entry.id) !== entry) throw notFound(`No such container: ${entry.id}`);
  const refusal = startRefusal(entry.container.state);
  if (refusal) throw refusal;
  if (ctx.stopping) throw conflict('the daemon is shutting down');
  giveUpRestart(entry);
  entry.exitOnNext = false;
  entry.restartDelayMs = 0;
  await launchContainer(ctx, entry);
  if (entry.container.restartCount > 0) ctx.registry.saveState(entry, { restartCount: 0 });
}

/** Forgets a restart that is waited for. */
export function giveUpRestart(entry: ContainerEntry): void {
  entry.cancelRestart?.();
  entry.cancelRestart = null;
}
