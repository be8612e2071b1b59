import { errorKind, internal } from '../../shared/errors.js';
import { isKernelSignal, parseSignal } from '../../shared/signals.js';
import type { ContainerEntry, ContainerRun } from './container-entry.js';
import { emitContainerEvent, type ContainersContext } from './containers-context.js';
import { freeze } from './pause.js';
import { within } from './within.js';

const SIGKILL = 9;
/** How long a killed process may take to go; one that hangs in the kernel may never. */
const KILL_GRACE_MS = 15_000;
/** How often is looked whether somebody has paused what is to die. */
const LOOK_MS = 250;

/** Whether a signal means that the container is to end: KILL, and its stop signal (any, if it names none). */
export function endsContainer({ container }: ContainerEntry, signal: number): boolean {
  const { stopSignal } = container.config;
  return signal === SIGKILL || stopSignal === '' || parseSignal(stopSignal) === signal;
}

/**
 * Sends a signal to the first process of a run and tells the event; a process that has just ended is fine. A paused container is let
 * go on after a signal that ends it, or it would never see it.
 */
export async function deliverSignal(
  ctx: ContainersContext,
  entry: ContainerEntry,
  run: ContainerRun,
  signal: number,
): Promise<void> {
  const wasPaused = entry.container.state.paused;
  try {
    await run.shim.kill(signal);
  } catch (error) {
    if (errorKind(error) !== 'conflict' && errorKind(error) !== 'unavailable') throw error;
    ctx.deps.log.debug({ err: error, container: entry.id, signal }, 'the process had ended before its signal');
  }
  emitContainerEvent(ctx, entry, 'kill', { signal: String(signal) });
  if (wasPaused && endsContainer(entry, signal)) await freeze(ctx, entry, false);
}

/** Ends a run by a signal and, if that does not help in time (negative: for ever), by KILL. Resolves when its exit is recorded. */
export async function stopRun(
  ctx: ContainersContext,
  entry: ContainerEntry,
  run: ContainerRun,
  { signal, timeoutSec }: { signal: number; timeoutSec: number },
): Promise<void> {
  // One that the kernel does not have is waited for all the same.
  if (isKernelSignal(signal)) await deliverSignal(ctx, entry, run, signal);
  if (timeoutSec < 0) return run.recorded;
  if (!(await within(run.recorded, timeoutSec * 1000))) await killRun(ctx, entry, run);
}

/** Ends a run by KILL. Resolves when its exit is recorded; throws internal when the process does not go. */
export async function killRun(ctx: ContainersContext, entry: ContainerEntry, run: ContainerRun): Promise<void> {
  await deliverSignal(ctx, entry, run, SIGKILL);
  for (let waitedMs = 0; waitedMs < KILL_GRACE_MS; waitedMs += LOOK_MS) {
    if (await within(run.recorded, LOOK_MS)) return;
    // A pause that came between keeps it from dying.
    if (entry.run === run && entry.container.state.paused) await freeze(ctx, entry, false);
  }
  throw internal('tried to kill container, but did not receive an exit event');
}
