import { ZERO_TIME } from '../../shared/rfc3339.js';
import { conflict, notModified, type WharfError } from '../../shared/errors.js';
import type { ContainerState, ContainerStatus, HealthState } from './container.js';

/** The state of a container that was never started. */
export function createdState(): ContainerState {
  return {
    status: 'created',
    running: false,
    paused: false,
    restarting: false,
    removalInProgress: false,
    dead: false,
    ooms: 0,
    pid: 0,
    exitCode: 0,
    error: '',
    startedAt: ZERO_TIME,
    finishedAt: ZERO_TIME,
    health: null,
    manuallyStopped: false,
  };
}

/** The word for a combination of flags. Source: Engine API, ContainerState.Status. */
function statusOf(state: Omit<ContainerState, 'status'>): ContainerStatus {
  if (state.running) {
    if (state.paused) return 'paused';
    return state.restarting ? 'restarting' : 'running';
  }
  if (state.removalInProgress) return 'removing';
  if (state.dead) return 'dead';
  return state.startedAt === ZERO_TIME ? 'created' : 'exited';
}

/** A state with some facts changed and the status that follows from them. */
export function changed(state: ContainerState, facts: Partial<Omit<ContainerState, 'status'>>): ContainerState {
  const next = { ...state, ...facts };
  return { ...next, status: statusOf(next) };
}

export function toRunning(state: ContainerState, pid: number, startedAt: string): ContainerState {
  return changed(state, {
    running: true,
    paused: false,
    restarting: false,
    dead: false,
    ooms: 0,
    pid,
    exitCode: 0,
    error: '',
    startedAt,
    finishedAt: state.finishedAt,
    manuallyStopped: false,
  });
}

/** How a run ended. */
export interface ExitFacts {
  exitCode: number;
  ooms: number;
  finishedAt: string;
  /** '' : none. */
  error: string;
}

/** What is said of a container that nobody probes, since it has ended or is paused: dockerd calls it unhealthy. */
export function unwatchedHealth(health: HealthState | null): HealthState | null {
  return health && { ...health, status: 'unhealthy' };
}

function afterExit(state: ContainerState, exit: ExitFacts): Partial<Omit<ContainerState, 'status'>> {
  // Of a lost process less is known at its end than was told before.
  const ooms = Math.max(state.ooms, exit.ooms);
  return { ...exit, ooms, health: unwatchedHealth(state.health), paused: false, pid: 0 };
}

export function toExited(state: ContainerState, exit: ExitFacts): ContainerState {
  return changed(state, { ...afterExit(state, exit), running: false, restarting: false });
}

/** Between an exit and the automatic restart: dockerd calls it running as well. */
export function toRestarting(state: ContainerState, exit: ExitFacts): ContainerState {
  return changed(state, { ...afterExit(state, exit), running: true, restarting: true });
}

/** A start that failed: the status stays what it was. */
export function toStartFailed(state: ContainerState, exitCode: number, error: string): ContainerState {
  return changed(state, { running: false, paused: false, restarting: false, pid: 0, exitCode, error });
}

/** Why a start can't be tried now; null when it can. A container that waits for its restart counts as running, as with dockerd. */
export function startRefusal(state: ContainerState): WharfError | null {
  if (state.paused) return conflict('cannot start a paused container, try unpause instead');
  if (state.running) return notModified('container is already running');
  if (state.removalInProgress || state.dead) {
    return conflict('container is marked for removal and cannot be started');
  }
  return null;
}
