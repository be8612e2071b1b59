import type { ContainersContext } from './containers-context.js';
import { emitContainerEvent } from './containers-context.js';
import { launchContainer } from './launch.js';
import { startRefusal } from './state-machine.js';
import { stopRunning, type StopOptions } from './stop.js';

/** Stops (if it runs) and starts a container, as one operation; an auto-remove container is not removed in between. */
export async function restartContainer(ctx: ContainersContext, ref: string, options: StopOptions): Promise<void> {
  const entry = ctx.registry.find(ref);
  using _lock = await ctx.locks.acquire(entry.id);
  entry.isBeingRestarted = true;
  try {
    if (entry.container.state.running) await stopRunning(ctx, entry, options);
    const refusal = startRefusal(entry.container.state);
    if (refusal) throw refusal;
    entry.exitOnNext = false;
    entry.restartDelayMs = 0;
    await launchContainer(ctx, entry);
    ctx.registry.saveState(entry, { restartCount: 0 });
  } finally {
    entry.isBeingRestarted = false;
  }
  emitContainerEvent(ctx, entry, 'restart');
}
