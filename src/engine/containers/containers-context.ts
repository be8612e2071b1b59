import type { KeyedLock } from '../../shared/keyed-lock.js';
import type { EngineEvent } from '../events/event.js';
import type { AheadOfStarts } from './ahead-of-starts.js';
import type { ContainerEntry, ContainerRun } from './container-entry.js';
import type { ContainerRegistry } from './container-registry.js';
import type { ContainersDeps } from './containers-deps.js';
import type { RecentExits } from './recent-exits.js';
import type { HostCapacity } from './validate-resources.js';

/**
 * What every verb is given. A verb that changes a container holds its lock (by id) for the whole operation, but never while it
 * talks to a client. The exit of a process is recorded without the lock: a stop that holds it waits for that.
 */
export interface ContainersContext {
  readonly deps: ContainersDeps;
  readonly registry: ContainerRegistry;
  readonly locks: KeyedLock;
  readonly capacity: HostCapacity;
  readonly recentExits: RecentExits;
  readonly ahead: AheadOfStarts;
  /** Those that have ended, until they are cleaned up and removed. The daemon waits for them at its own end, as for a while nobody else may know them. */
  readonly endingRuns: Set<ContainerRun>;
  /** The daemon is going down: containers go on, and nothing is restarted. */
  stopping: boolean;
  /** Starts it again after an exit; the caller holds the lock. A hook, since starting knows about exits and not the other way round. */
  readonly relaunch: (entry: ContainerEntry) => Promise<void>;
  /** Removes an auto-remove container with its anonymous volumes; failures are logged. */
  readonly discard: (entry: ContainerEntry) => Promise<void>;
}

/** Tells the world about a container, with the attributes that every container event has: image, name and labels. */
export function emitContainerEvent(
  ctx: ContainersContext,
  entry: ContainerEntry,
  action: EngineEvent['action'],
  attributes: Record<string, string> = {},
): void {
  const { id, config, name } = entry.container;
  ctx.deps.emit({
    type: 'container',
    action,
    actorId: id,
    attributes: { ...config.labels, image: config.image, name, ...attributes },
  });
}
