import { errorKind, errorMessage, WharfError } from '../../shared/errors.js';
import type { ContainerEntry } from './container-entry.js';
import type { ContainersContext } from './containers-context.js';
import { emitContainerEvent } from './containers-context.js';
import { holdContainer } from './hold-container.js';
import { discardIfFailed, launchByHand } from './start.js';
import { startRefusal } from './state-machine.js';
import { stopRunning, type StopOptions } from './stop.js';

/**
 * Stops (if it runs) and starts a container; an auto-remove container is not removed in between. Somebody else who starts it in
 * between has done our work.
 */
export async function restartContainer(ctx: ContainersContext, ref: string, options: StopOptions): Promise<void> {
  const entry = ctx.registry.find(ref);
  entry.restartsUnderWay++;
  try {
    await stopRunning(ctx, entry, options);
    await startAgain(ctx, entry);
  } catch (error) {
    throw new WharfError(errorKind(error), `Cannot restart container ${ref}: ${errorMessage(error)}`, { cause: error });
  } finally {
    entry.restartsUnderWay--;
  }
  emitContainerEvent(ctx, entry, 'restart');
}

async function startAgain(ctx: ContainersContext, entry: ContainerEntry): Promise<void> {
  try {
    using _held = await holdContainer(ctx, entry.id);
    const refusal = startRefusal(entry.container.state);
    if (refusal?.kind === 'not-modified') return;
    if (refusal) throw refusal;
    await launchByHand(ctx, entry);
  } catch (error) {
    await discardIfFailed(ctx, entry);
    throw error;
  }
}
