import type { Container } from './container.js';
import type { ContainerPhase, StoredContainer } from './container-repository.js';
import { ExitWaiters } from './exit-waiters.js';
import type { PendingAttach } from './pending-attach.js';
import type { PlannedMount } from './planned-mount.js';
import type { RunningShim } from './shim-port.js';

/** One run of a container, from its shim's launch until everything of it is taken down. */
export interface ContainerRun {
  /** Another one after the connection was lost and found again. */
  shim: RunningShim;
  readonly socketPath: string;
  /** Settles when the exit is in the container's state (before clients see the end of their streams). Never rejects. */
  readonly recorded: Promise<void>;
  /** Settles after that, when its mounts and its network namespace are gone. Never rejects. */
  readonly released: Promise<void>;
  /** Settles when the runtime's state and the run's files are gone too. Never rejects. */
  cleaned: Promise<void>;
  /** Settles when the container is removed as well, if it is one that goes at its end. Never rejects. */
  removed: Promise<void>;
  /** A client waits for `cleaned`, and not only for the end. */
  isCleaningAwaited: boolean;
}

/** A container in memory: what the store knows of it, and what lives only as long as the daemon. */
export class ContainerEntry implements StoredContainer {
  container: Container;
  plan: PlannedMount[];
  phase: ContainerPhase;
  /** null while it is not running. */
  run: ContainerRun | null = null;
  /** Set while an automatic restart is waited for; calling it gives the restart up. */
  cancelRestart: (() => void) | null = null;
  restartDelayMs = 0;
  /** A stop or kill asked for the end: whatever the policy says, the next exit is the last. */
  exitOnNext = false;
  /** Clients' restarts that are under way: an auto-remove container stays. */
  restartsUnderWay = 0;
  /** The exec of the health probe that runs now or ran last; '' if there was none. */
  probeExecId = '';
  /** Ends the health probes; null while there are none. */
  stopHealth: (() => void) | null = null;
  /** Ids of the execs of the current run. */
  readonly execs = new Set<string>();
  /** One for each that runs, probes as well: settles when its end has been told. They never reject. */
  readonly execEnds = new Set<Promise<void>>();
  /** While the root file system is being unmounted aside: nobody may mount it. Never rejects. */
  unmounting: Promise<void> | null = null;
  /** How many copies are reading or writing the mounted root file system while the container does not run. */
  views = 0;
  readonly waiters = new ExitWaiters();
  /** Clients that attached before the start. */
  readonly pendingAttaches = new Set<PendingAttach>();

  constructor(stored: StoredContainer) {
    this.container = stored.container;
    this.plan = stored.plan;
    this.phase = stored.phase;
  }

  get id(): string {
    return this.container.id;
  }

  /** Whether the container was made from the image, or mounts it. */
  uses(imageId: string): boolean {
    return this.container.imageId === imageId || this.plan.some((mount) => mount.imageId === imageId);
  }

  /** As error messages and events name it. */
  get name(): string {
    return this.container.name;
  }
}
