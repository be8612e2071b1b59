import { errorKind, errorMessage, notModified, WharfError } from '../../shared/errors.js';
import { parseSignal } from '../../shared/signals.js';
import type { ContainerEntry, ContainerRun } from './container-entry.js';
import { emitContainerEvent, type ContainersContext } from './containers-context.js';
import { endBackOff } from './end-back-off.js';
import { stopRun } from './end-run.js';
import { holdContainer } from './hold-container.js';

export interface StopOptions {
  /** null: the container's own; -1: for ever. */
  timeoutSec: number | null;
  /** '' : the container's own. */
  signal: string;
}

/** Stops a container by a client's wish. Throws not-modified when it does not run. */
export async function stopContainer(ctx: ContainersContext, ref: string, options: StopOptions): Promise<void> {
  const entry = ctx.registry.find(ref);
  let hasRun: boolean;
  try {
    hasRun = await stopRunning(ctx, entry, options);
  } catch (error) {
    if (errorKind(error) === 'not-found') throw error;
    throw new WharfError(errorKind(error), `cannot stop container: ${ref}: ${errorMessage(error)}`, { cause: error });
  }
  if (!hasRun) throw notModified('container is already stopped');
}

/**
 * The stop itself; false when the container did not run. Only its beginning holds the lock: while it waits for the process, a
 * kill, a removal or a less patient stop get through.
 */
export async function stopRunning(
  ctx: ContainersContext,
  entry: ContainerEntry,
  options: StopOptions,
): Promise<boolean> {
  const begun = await beginStop(ctx, entry, options.signal);
  if (!begun) return false;
  const { run, signal } = begun;
  const ownTimeoutSec = entry.container.config.stopTimeoutSec ?? ctx.deps.defaults.stopTimeoutSec;
  if (run) {
    run.isCleaningAwaited = true;
    await stopRun(ctx, entry, run, { signal, timeoutSec: options.timeoutSec ?? ownTimeoutSec });
  }
  emitContainerEvent(ctx, entry, 'stop');
  await run?.cleaned;
  return true;
}

/** Makes this run the last one; null when there is none. Its `run` is null when only the restart is waited for, which is given up. */
async function beginStop(
  ctx: ContainersContext,
  entry: ContainerEntry,
  wantedSignal: string,
): Promise<{ run: ContainerRun | null; signal: number } | null> {
  using _held = await holdContainer(ctx, entry.id);
  const { state, config } = entry.container;
  if (!state.running) return null;
  const signal = parseSignal(wantedSignal || config.stopSignal || 'TERM');
  entry.exitOnNext = true;
  ctx.registry.setManuallyStopped(entry);
  if (!state.restarting) return { run: entry.run, signal };
  endBackOff(ctx, entry);
  return { run: null, signal };
}
