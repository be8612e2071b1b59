import { describe, expect, it } from 'vitest';
import type { RestartPolicy } from './container-config.js';
import { nextDelayMs, shouldRestart, shouldStartAtBoot, validateRestartPolicy } from './restart-policy.js';

const policy = (name: string, maximumRetryCount = 0): RestartPolicy =>
  ({ name, maximumRetryCount }) as unknown as RestartPolicy;
const ended = { exitCode: 1, ranForMs: 5, restartCount: 0, manuallyStopped: false };

describe('shouldRestart', () => {
  it.each([
    [policy('no'), ended, false],
    [policy('always'), { ...ended, exitCode: 0 }, true],
    [policy('unless-stopped'), ended, true],
    [policy('always'), { ...ended, manuallyStopped: true }, false],
    [policy('on-failure'), { ...ended, exitCode: 0 }, false],
    [policy('on-failure'), ended, true],
    [policy('on-failure', 3), { ...ended, restartCount: 2 }, true],
    [policy('on-failure', 3), { ...ended, restartCount: 3 }, false],
  ])('%o after %o: %s', (given, run, expected) => {
    expect(shouldRestart(given, run)).toBe(expected);
  });
});

describe('nextDelayMs', () => {
  it('doubles from 100 ms to a minute and starts anew after ten seconds', () => {
    const delays = [nextDelayMs(0, 1)];
    for (let i = 0; i < 11; i++) delays.push(nextDelayMs(delays.at(-1) ?? 0, 1));
    expect(delays.slice(0, 4)).toEqual([100, 200, 400, 800]);
    expect(delays.at(-1)).toBe(60_000);
    expect(nextDelayMs(60_000, 10_000)).toBe(100);
  });
});

describe('shouldStartAtBoot', () => {
  const last = { wasRunning: true, manuallyStopped: false, hasStarted: true, exitCode: 1, restartCount: 0 };
  it.each([
    ['always', last, true],
    ['always', { ...last, wasRunning: false, manuallyStopped: true }, true],
    ['always', { ...last, hasStarted: false }, false],
    ['unless-stopped', last, true],
    ['unless-stopped', { ...last, manuallyStopped: true }, false],
    ['unless-stopped', { ...last, wasRunning: false }, false],
    ['no', last, false],
    ['on-failure', last, true],
    ['on-failure', { ...last, exitCode: 0 }, false],
    ['on-failure', { ...last, wasRunning: false }, false],
    ['on-failure', { ...last, manuallyStopped: true }, false],
    ['on-failure:2', { ...last, restartCount: 1 }, true],
    ['on-failure:2', { ...last, restartCount: 2 }, false],
  ])('%s %o: %s', (name, given, expected) => {
    const [kind = '', retries = '0'] = name.split(':');
    expect(shouldStartAtBoot(policy(kind, Number(retries)), given)).toBe(expected);
  });
});

describe('validateRestartPolicy', () => {
  it.each([
    [policy('something'), "unknown policy 'something'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"],
    [policy('always', 3), "maximum retry count can only be used with 'on-failure'"],
    [policy('always', -3), "maximum retry count can only be used with 'on-failure' and cannot be negative"],
    [policy('on-failure', -3), 'maximum retry count cannot be negative'],
  ])('%o', (given, text) => {
    expect(() => validateRestartPolicy(given)).toThrow(`invalid restart policy: ${text}`);
  });

  it('takes those that are right', () => {
    for (const given of [policy(''), policy('no'), policy('on-failure', 5)]) validateRestartPolicy(given);
  });
});
