import type { ContainerEntry } from './container-entry.js';
import type { ContainersContext } from './containers-context.js';
import { toExited } from './state-machine.js';

/** Ends the wait for an automatic restart; the container is exited as it was. The caller holds the lock. */
export function endBackOff(ctx: ContainersContext, entry: ContainerEntry): void {
  entry.cancelRestart?.();
  entry.cancelRestart = null;
  const { state } = entry.container;
  const { exitCode, ooms, finishedAt, error } = state;
  ctx.registry.setState(entry, toExited(state, { exitCode, ooms, finishedAt, error }));
}
