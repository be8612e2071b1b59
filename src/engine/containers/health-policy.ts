import type { ContainerConfig, HealthConfig } from './container-config.js';
import type { HealthLogEntry, HealthState } from './container.js';

const NS_PER_MS = 1e6;
const KEPT_PROBES = 5;

/** A health check with its defaults filled in, milliseconds. */
export interface HealthPlan {
  argv: string[];
  intervalMs: number;
  timeoutMs: number;
  startPeriodMs: number;
  startIntervalMs: number;
  retries: number;
}

/** null: the container has no health check. Source of the defaults: Dockerfile reference, HEALTHCHECK. */
export function healthPlan({ healthcheck, shell }: ContainerConfig): HealthPlan | null {
  const argv = healthcheck && probeCommand(healthcheck, shell);
  if (!healthcheck || !argv) return null;
  const ms = (ns: number, defaultMs: number): number => (ns > 0 ? ns / NS_PER_MS : defaultMs);
  return {
    argv,
    intervalMs: ms(healthcheck.intervalNs, 30_000),
    timeoutMs: ms(healthcheck.timeoutNs, 30_000),
    startPeriodMs: ms(healthcheck.startPeriodNs, 0),
    startIntervalMs: ms(healthcheck.startIntervalNs, 5_000),
    retries: healthcheck.retries > 0 ? healthcheck.retries : 3,
  };
}

function probeCommand({ test }: HealthConfig, shell: readonly string[] | null): string[] | null {
  const [kind, ...rest] = test ?? [];
  if (kind === 'CMD') return rest;
  if (kind === 'CMD-SHELL') return [...(shell ?? ['/bin/sh', '-c']), ...rest];
  return null;
}

export const STARTING: HealthState = { status: 'starting', failingStreak: 0, log: [] };

/** How long until the next probe: more often while a container with a start period is still starting. */
export function nextProbeMs(plan: HealthPlan, health: HealthState, upForMs: number): number {
  const isStarting = health.status === 'starting' && upForMs < plan.startPeriodMs;
  return isStarting ? plan.startIntervalMs : plan.intervalMs;
}

/**
 * The health after one more probe, which began when the container was up for `upForMs`. A failure within the start period does not
 * count as long as none has succeeded.
 */
export function afterProbe(
  plan: HealthPlan,
  health: HealthState,
  result: HealthLogEntry,
  upForMs: number,
): HealthState {
  const log = [...health.log, result].slice(-KEPT_PROBES);
  if (result.exitCode === 0) return { status: 'healthy', failingStreak: 0, log };
  if (health.status === 'starting' && upForMs < plan.startPeriodMs) return { ...health, log };
  const failingStreak = health.failingStreak + 1;
  return { status: failingStreak >= plan.retries ? 'unhealthy' : health.status, failingStreak, log };
}
