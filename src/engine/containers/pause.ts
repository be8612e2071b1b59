import { conflict, errorMessage, internal } from '../../shared/errors.js';
import type { ContainerEntry } from './container-entry.js';
import { emitContainerEvent, type ContainersContext } from './containers-context.js';
import { pauseHealth, startHealth } from './health.js';
import { holdContainer } from './hold-container.js';
import { changed } from './state-machine.js';

/** Stops all processes of a container where they are. */
export async function pauseContainer(ctx: ContainersContext, ref: string): Promise<void> {
  using held = await holdContainer(ctx, ref);
  const { entry } = held;
  const { state } = entry.container;
  if (!state.running) throw conflict(`container ${entry.id} is not running`);
  if (state.paused) throw conflict(`Container ${entry.id} is already paused`);
  if (state.restarting) throw conflict(`Container ${entry.id} is restarting, wait until the container is running`);
  await freeze(ctx, entry, true);
}

/** Lets them go on. */
export async function unpauseContainer(ctx: ContainersContext, ref: string): Promise<void> {
  using held = await holdContainer(ctx, ref);
  const { entry } = held;
  if (!entry.container.state.paused) throw internal(`Container ${entry.id} is not paused`);
  await freeze(ctx, entry, false);
}

/** The freezing or thawing itself, with state and event. */
export async function freeze(ctx: ContainersContext, entry: ContainerEntry, paused: boolean): Promise<void> {
  try {
    const { pid } = entry.container.state;
    await (paused ? ctx.deps.cgroups.freeze(pid) : ctx.deps.cgroups.thaw(pid));
  } catch (error) {
    if (!entry.container.state.running) return;
    throw internal(`Cannot ${paused ? 'pause' : 'unpause'} container ${entry.id}: ${errorMessage(error)}`, error);
  }
  if (!entry.container.state.running) return;
  ctx.registry.setState(entry, changed(entry.container.state, { paused }));
  if (paused) pauseHealth(ctx, entry);
  else startHealth(ctx, entry, true);
  emitContainerEvent(ctx, entry, paused ? 'pause' : 'unpause');
}
