import { ZERO_TIME } from '../../shared/rfc3339.js';
import type { ContainerState } from './container.js';

const MINUTE = 60;
const HOUR = 3600;

/** The STATUS column of `docker ps`; tools match on it. `nowMs` is milliseconds since the epoch. */
export function statusText(state: ContainerState, nowMs: number): string {
  if (state.running) {
    const up = ago(state.startedAt, nowMs);
    if (state.paused) return `Up ${up} (Paused)`;
    if (state.restarting) return `Restarting (${state.exitCode}) ${ago(state.finishedAt, nowMs)} ago`;
    return `Up ${up}${healthText(state)}`;
  }
  if (state.removalInProgress) return 'Removal In Progress';
  if (state.dead) return 'Dead';
  if (state.startedAt === ZERO_TIME) return 'Created';
  if (state.finishedAt === ZERO_TIME) return '';
  return `Exited (${state.exitCode}) ${ago(state.finishedAt, nowMs)} ago`;
}

function healthText(state: ContainerState): string {
  const status = state.health?.status ?? 'none';
  if (status === 'none') return '';
  return status === 'starting' ? ' (health: starting)' : ` (${status})`;
}

function ago(time: string, nowMs: number): string {
  const ms = Date.parse(time);
  return humanDuration(Number.isNaN(ms) ? 0 : (nowMs - ms) / 1000);
}

/** A duration as the Docker CLI words it: `Less than a second`, `3 minutes`, `About an hour`. Source: docker/go-units. */
export function humanDuration(durationSec: number): string {
  const seconds = Math.trunc(durationSec);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < MINUTE) return `${seconds} seconds`;
  const minutes = Math.trunc(durationSec / MINUTE);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(durationSec / HOUR);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(durationSec / HOUR / 24 / 365)} years`;
}
