import { conflict, invalid, errorKind, errorMessage, WharfError } from '../../shared/errors.js';
import { parseSignal } from '../../shared/signals.js';
import type { ContainerEntry } from './container-entry.js';
import { emitContainerEvent, type ContainersContext } from './containers-context.js';
import { freeze } from './pause.js';

const SIGKILL = 9;

/**
 * Sends a signal. KILL and the container's stop signal (any, if it names none) also end its automatic restarts; another signal does
 * not. KILL returns when the container has stopped. Takes no lock for other signals, so that they reach a container that is
 * being stopped.
 */
export async function killContainer(ctx: ContainersContext, ref: string, signalText: string): Promise<void> {
  try {
    const entry = ctx.registry.find(ref);
    const signal = parseKnownSignal(signalText || 'KILL');
    if (!entry.container.state.running) throw notRunning(entry);
    if (endsRestarts(entry, signal)) {
      entry.exitOnNext = true;
      ctx.registry.setManuallyStopped(entry);
    }
    if (entry.container.state.restarting) return;
    const run = entry.run;
    await deliverSignal(ctx, entry, signal);
    if (signal === SIGKILL) await run?.recorded;
  } catch (error) {
    throw new WharfError(errorKind(error), `cannot kill container: ${ref}: ${errorMessage(error)}`, { cause: error });
  }
}

/** A number that is no signal is dockerd's own complaint, not that of its parser. */
function parseKnownSignal(text: string): number {
  const isNumber = /^-?\d+$/.test(text) && Number(text) !== 0;
  if (isNumber && (Number(text) < 0 || Number(text) > 64)) {
    throw invalid(`the linux daemon does not support signal ${text}`);
  }
  return parseSignal(text);
}

export function notRunning(entry: ContainerEntry): WharfError {
  return conflict(`container ${entry.id} is not running`);
}

function endsRestarts(entry: ContainerEntry, signal: number): boolean {
  const { stopSignal } = entry.container.config;
  return signal === SIGKILL || stopSignal === '' || parseSignal(stopSignal) === signal;
}

/**
 * Sends a signal to the first process and tells the event; a process that has just ended is fine. A paused container is let go on
 * after a signal that ends it, or it would never see it.
 */
export async function deliverSignal(ctx: ContainersContext, entry: ContainerEntry, signal: number): Promise<void> {
  const run = entry.run;
  if (!run) return;
  const wasPaused = entry.container.state.paused;
  try {
    await run.shim.kill(signal);
  } catch (error) {
    if (errorKind(error) !== 'conflict' && errorKind(error) !== 'unavailable') throw error;
    ctx.deps.log.debug({ err: error, container: entry.id, signal }, 'the process had ended before its signal');
  }
  emitContainerEvent(ctx, entry, 'kill', { signal: String(signal) });
  if (wasPaused && endsRestarts(entry, signal)) await freeze(ctx, entry, false);
}
