import type { ContainersContext } from './containers-context.js';
import { emitContainerEvent } from './containers-context.js';
import { notRunning } from './kill.js';

/** Sets the size of a container's terminal; one without a terminal has none to set, which is no error. */
export async function resizeContainer(
  ctx: ContainersContext,
  ref: string,
  height: number,
  width: number,
): Promise<void> {
  const entry = ctx.registry.find(ref);
  const run = entry.run;
  if (!run || !entry.container.state.running || entry.container.state.restarting) throw notRunning(entry);
  if (entry.container.config.tty) await run.shim.resize(height, width);
  emitContainerEvent(ctx, entry, 'resize', { height: String(height), width: String(width) });
}
