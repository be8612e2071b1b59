import { invalid } from '../../shared/errors.js';
import type { RestartPolicy } from './container-config.js';

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 60_000;
const STABLE_AFTER_MS = 10_000;

/** How a run ended, as far as restarting is concerned. */
export interface EndedRun {
  exitCode: number;
  ranForMs: number;
  /** Automatic restarts so far. */
  restartCount: number;
  manuallyStopped: boolean;
}

/** Whether a container that has just exited is started again. Source: Engine API, HostConfig.RestartPolicy. */
export function shouldRestart(policy: RestartPolicy, run: EndedRun): boolean {
  if (run.manuallyStopped) return false;
  switch (policy.name) {
    case 'always':
    case 'unless-stopped':
      return true;
    case 'on-failure':
      return run.exitCode !== 0 && (policy.maximumRetryCount === 0 || run.restartCount < policy.maximumRetryCount);
    case '':
    case 'no':
      return false;
  }
}

/** The pause before the next restart: doubles from 100 ms to a minute, and starts anew after a run of 10 s. */
export function nextDelayMs(previousMs: number, ranForMs: number): number {
  if (previousMs === 0 || ranForMs >= STABLE_AFTER_MS) return FIRST_DELAY_MS;
  return Math.min(previousMs * 2, LONGEST_DELAY_MS);
}

/**
 * Whether a container that is not running is started when the daemon comes up. `wasRunning`: it ran (or was about to be
 * restarted) when the daemon went down. After a stop by hand only `always` comes back, as the documentation of Docker says.
 */
export function shouldStartAtBoot(
  policy: RestartPolicy,
  last: Omit<EndedRun, 'ranForMs'> & { wasRunning: boolean; hasStarted: boolean },
): boolean {
  if (!last.hasStarted) return false;
  if (policy.name === 'always') return true;
  return last.wasRunning && shouldRestart(policy, { ...last, ranForMs: 0 });
}

/** Throws invalid with dockerd's words. */
export function validateRestartPolicy(policy: RestartPolicy): void {
  const known = ['', 'no', 'always', 'unless-stopped', 'on-failure'];
  if (!known.includes(policy.name)) {
    throw invalid(
      `invalid restart policy: unknown policy '${policy.name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    );
  }
  if (policy.name !== 'on-failure' && policy.maximumRetryCount !== 0) {
    const text = "invalid restart policy: maximum retry count can only be used with 'on-failure'";
    throw invalid(policy.maximumRetryCount < 0 ? `${text} and cannot be negative` : text);
  }
  if (policy.maximumRetryCount < 0) throw invalid('invalid restart policy: maximum retry count cannot be negative');
}
