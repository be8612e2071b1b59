import { describe, expect, it } from 'vitest';
import { createdState, toExited, toRestarting, toRunning, changed } from './state-machine.js';
import { humanDuration, statusText } from './status-text.js';

const at = '2026-01-01T00:00:00Z';
const after = (seconds: number): number => Date.parse(at) + seconds * 1000;
const running = toRunning(createdState(), 42, at);
const exit = { exitCode: 137, ooms: 0, finishedAt: at, error: '' };

describe('statusText', () => {
  it.each([
    [createdState(), 5, 'Created'],
    [running, 0.5, 'Up Less than a second'],
    [running, 1, 'Up 1 second'],
    [running, 181, 'Up 3 minutes'],
    [changed(running, { paused: true }), 2, 'Up 2 seconds (Paused)'],
    [changed(running, { health: { status: 'healthy', failingStreak: 0, log: [] } }), 181, 'Up 3 minutes (healthy)'],
    [
      changed(running, { health: { status: 'starting', failingStreak: 0, log: [] } }),
      2,
      'Up 2 seconds (health: starting)',
    ],
    [toExited(running, exit), 7200, 'Exited (137) 2 hours ago'],
    [toRestarting(running, { ...exit, exitCode: 1 }), 5, 'Restarting (1) 5 seconds ago'],
    [changed(toExited(running, exit), { removalInProgress: true }), 5, 'Removal In Progress'],
    [changed(toExited(running, exit), { dead: true }), 5, 'Dead'],
  ])('%o after %d s is %s', (state, seconds, text) => {
    expect(statusText(state, after(seconds))).toBe(text);
  });

  it('takes times with nanoseconds', () => {
    const state = toRunning(createdState(), 42, '2026-01-01T00:00:00.999999999Z');
    expect(statusText(state, after(1.9))).toBe('Up Less than a second');
    expect(statusText(state, after(2))).toBe('Up 1 second');
  });
});

describe('humanDuration', () => {
  it.each([
    [59, '59 seconds'],
    [60, 'About a minute'],
    [3599, '59 minutes'],
    [3600, 'About an hour'],
    [5400, '2 hours'],
    [47 * 3600, '47 hours'],
    [48 * 3600, '2 days'],
    [14 * 86400, '2 weeks'],
    [60 * 86400, '2 months'],
    [730 * 86400, '2 years'],
  ])('%d s is %s', (seconds, text) => {
    expect(humanDuration(seconds)).toBe(text);
  });
});
