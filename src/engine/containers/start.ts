import { conflict } from '../../shared/errors.js';
import type { ContainerEntry } from './container-entry.js';
import type { ContainersContext } from './containers-context.js';
import { launchContainer } from './launch.js';
import { startRefusal } from './state-machine.js';

/** Starts a container by a client's wish. Throws not-modified when it runs. */
export async function startContainer(ctx: ContainersContext, ref: string): Promise<void> {
  const entry = ctx.registry.find(ref);
  let failure: unknown = null;
  {
    using _lock = await ctx.locks.acquire(entry.id);
    const refusal = startRefusal(entry.container.state);
    if (refusal) throw refusal;
    if (ctx.stopping) throw conflict('the daemon is shutting down');
    giveUpRestart(entry);
    entry.exitOnNext = false;
    entry.restartDelayMs = 0;
    try {
      await launchContainer(ctx, entry);
      ctx.registry.saveState(entry, { restartCount: 0 });
    } catch (error) {
      failure = error;
    }
  }
  if (failure === null) return;
  if (entry.container.hostConfig.autoRemove) {
    await ctx.discard(entry);
  }
  throw failure;
}

/** Forgets a restart that is waited for. */
export function giveUpRestart(entry: ContainerEntry): void {
  entry.cancelRestart?.();
  entry.cancelRestart = null;
}
