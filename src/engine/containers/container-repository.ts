import type { Container } from './container.js';
import type { PlannedMount } from './planned-mount.js';

/**
 * How far a container's life on disk has got. `creating` and `removing` are undone or finished at the next boot when the
 * daemon dies in between.
 */
export type ContainerPhase = 'creating' | 'stable' | 'removing';

/** All that outlives the daemon of one container. */
export interface StoredContainer {
  container: Container;
  plan: PlannedMount[];
  phase: ContainerPhase;
}

/** Where containers are kept; every call is complete when it returns. */
export interface ContainerRepository {
  loadAll(): StoredContainer[];
  /** Survives a loss of power from here on. Throws when the id or the name exists. */
  insert(stored: StoredContainer): void;
  /** Everything that can change; survives a loss of power from here on. */
  save(stored: StoredContainer): void;
  /** State, network and restart count only, which a loss of power makes void anyway; much quicker than `save`. */
  saveState(stored: StoredContainer): void;
  delete(id: string): void;
}
