import { conflict, errorMessage, internal } from '../../shared/errors.js';
import type { ContainerEntry } from './container-entry.js';
import { emitContainerEvent, type ContainersContext } from './containers-context.js';
import { pauseHealth, startHealth } from './health.js';
import { holdContainer } from './hold-container.js';
import { changed } from './state-machine.js';
import { within } from './within.js';

/** How soon the end of a process is known that has just gone. */
const EXIT_KNOWN_MS = 2000;

/** Stops all processes of a container where they are. */
export async function pauseContainer(ctx: ContainersContext, ref: string): Promise<void> {
  using held = await holdContainer(ctx, ref);
  const { entry } = held;
  const { state } = entry.container;
  if (!state.running) throw notRunning(entry);
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

/** The freezing or thawing itself, with state and event. A container that ends meanwhile can't be paused, and need not be thawed. */
export async function freeze(ctx: ContainersContext, entry: ContainerEntry, paused: boolean): Promise<void> {
  try {
    const { pid } = entry.container.state;
    await (paused ? ctx.deps.cgroups.freeze(pid, entry.id) : ctx.deps.cgroups.thaw(pid, entry.id));
  } catch (error) {
    if (entry.run) await within(entry.run.recorded, EXIT_KNOWN_MS);
    if (!hasEnded(entry)) {
      throw internal(`Cannot ${paused ? 'pause' : 'unpause'} container ${entry.id}: ${errorMessage(error)}`, error);
    }
  }
  if (hasEnded(entry)) {
    if (paused) throw notRunning(entry);
    return;
  }
  ctx.registry.setState(entry, changed(entry.container.state, { paused }));
  if (paused) pauseHealth(ctx, entry);
  else startHealth(ctx, entry, true);
  emitContainerEvent(ctx, entry, paused ? 'pause' : 'unpause');
}

function hasEnded({ container: { state } }: ContainerEntry): boolean {
  return !state.running || state.restarting;
}

function notRunning({ id }: ContainerEntry): Error {
  return conflict(`container ${id} is not running`);
}
