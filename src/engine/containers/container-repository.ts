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

/**
 * Where containers are kept; every call is complete when it returns. What is `durable` also survives a loss of power, which costs a
 * wait for the disk.
 */
export interface ContainerRepository {
  loadAll(): StoredContainer[];
  /** Throws when the id or the name exists. */
  insert(stored: StoredContainer, durable: boolean): void;
  /** Everything that can change. */
  save(stored: StoredContainer, durable: boolean): void;
  /** State, network and restart count only, which a loss of power makes void anyway. */
  saveState(stored: StoredContainer): void;
  /** It is gone when this returns; settles when it is for good. */
  delete(id: string, durable: boolean): Promise<void>;
}
