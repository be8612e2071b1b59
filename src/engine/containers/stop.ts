import { errorMessage, invalid, notModified } from '../../shared/errors.js';
import { parseSignal } from '../../shared/signals.js';
import type { ContainerEntry } from './container-entry.js';
import { emitContainerEvent, type ContainersContext } from './containers-context.js';
import { deliverSignal } from './kill.js';
import { toExited } from './state-machine.js';

const SIGKILL = 9;
/** How long a killed process may take to go (it may hang in the kernel) before the stop is called failed. */
const KILL_GRACE_MS = 10_000;

export interface StopOptions {
  /** null: the container's own; -1: for ever. */
  timeoutSec: number | null;
  /** '' : the container's own. */
  signal: string;
}

/** Stops a container by a client's wish. Throws not-modified when it does not run. */
export async function stopContainer(ctx: ContainersContext, ref: string, options: StopOptions): Promise<void> {
  const entry = ctx.registry.find(ref);
  using _lock = await ctx.locks.acquire(entry.id);
  if (!entry.container.state.running) throw notModified('container is already stopped');
  checkSignal(ref, options.signal);
  await stopRunning(ctx, entry, options);
}

function checkSignal(ref: string, signal: string): void {
  try {
    if (signal !== '') parseSignal(signal);
  } catch (error) {
    throw invalid(`cannot stop container: ${ref}: ${errorMessage(error)}`, error);
  }
}

/** The stop itself; the caller holds the lock. */
export async function stopRunning(ctx: ContainersContext, entry: ContainerEntry, options: StopOptions): Promise<void> {
  const { config, state } = entry.container;
  const signal = parseSignal(options.signal || config.stopSignal || 'TERM');
  const timeoutSec = options.timeoutSec ?? config.stopTimeoutSec ?? ctx.deps.defaults.stopTimeoutSec;
  entry.exitOnNext = true;
  ctx.registry.setManuallyStopped(entry);
  if (state.restarting) {
    endBackOff(ctx, entry);
  } else if (entry.run) {
    const { recorded, cleaned } = entry.run;
    await deliverSignal(ctx, entry, signal);
    if (!(await within(recorded, timeoutSec < 0 ? null : timeoutSec * 1000))) {
      await deliverSignal(ctx, entry, SIGKILL);
      if (!(await within(recorded, KILL_GRACE_MS))) {
        ctx.deps.log.warn({ container: entry.id }, 'a killed container does not go away');
        await recorded;
      }
    }
    await cleaned;
  }
  emitContainerEvent(ctx, entry, 'stop');
}

/** Ends the wait for an automatic restart; the container is exited as it was. */
export function endBackOff(ctx: ContainersContext, entry: ContainerEntry): void {
  entry.cancelRestart?.();
  entry.cancelRestart = null;
  const { state } = entry.container;
  const { exitCode, oomKilled, finishedAt, error } = state;
  ctx.registry.setState(entry, toExited(state, { exitCode, oomKilled, finishedAt, error }));
}

/** Whether a promise settles in time; null waits for ever. */
async function within(promise: Promise<void>, timeoutMs: number | null): Promise<boolean> {
  if (timeoutMs === null) return promise.then(() => true);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), timeoutMs)));
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
