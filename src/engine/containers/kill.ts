import { conflict, invalid, errorKind, errorMessage, WharfError } from '../../shared/errors.js';
import { isKernelSignal, parseSignal } from '../../shared/signals.js';
import type { ContainerEntry, ContainerRun } from './container-entry.js';
import type { ContainersContext } from './containers-context.js';
import { endBackOff } from './end-back-off.js';
import { deliverSignal, endsContainer, killRun } from './end-run.js';
import { holdContainer } from './hold-container.js';

const SIGKILL = 9;

/**
 * Sends a signal. KILL and the container's stop signal (any, if it names none) also end its automatic restarts; another signal does
 * not. KILL returns when the container has stopped.
 */
export async function killContainer(ctx: ContainersContext, ref: string, signalText: string): Promise<void> {
  try {
    const signal = parseKnownSignal(signalText || 'KILL');
    const entry = ctx.registry.find(ref);
    const run = await prepareKill(ctx, entry, signal);
    if (run && signal === SIGKILL) await killRun(ctx, entry, run);
    else if (run) await deliverSignal(ctx, entry, run, signal);
  } catch (error) {
    throw new WharfError(errorKind(error), `cannot kill container: ${ref}: ${errorMessage(error)}`, { cause: error });
  }
}

/** What the signal goes to; null while the container waits for a restart, which a signal that ends it gives up. */
async function prepareKill(
  ctx: ContainersContext,
  entry: ContainerEntry,
  signal: number,
): Promise<ContainerRun | null> {
  using _held = await holdContainer(ctx, entry.id);
  const { state } = entry.container;
  if (!state.running) throw notRunning(entry);
  if (endsContainer(entry, signal)) {
    entry.exitOnNext = true;
    ctx.registry.setManuallyStopped(entry);
    if (state.restarting) endBackOff(ctx, entry);
  }
  return state.restarting ? null : entry.run;
}

/** A number that is no signal is dockerd's own complaint, not that of its parser. */
function parseKnownSignal(text: string): number {
  const signal = parseSignal(text);
  if (!isKernelSignal(signal)) throw invalid(`the linux daemon does not support signal ${signal}`);
  return signal;
}

export function notRunning(entry: ContainerEntry): WharfError {
  return conflict(`container ${entry.id} is not running`);
}
