import { describe, expect, it } from 'vitest';
import { afterProbe, nextProbeMs, STARTING, type HealthPlan } from './health-policy.js';

const plan: HealthPlan = {
  argv: ['true'],
  intervalMs: 30_000,
  timeoutMs: 30_000,
  startPeriodMs: 10_000,
  startIntervalMs: 1_000,
  retries: 2,
};
const result = (exitCode: number): Parameters<typeof afterProbe>[2] => ({ start: '', end: '', exitCode, output: '' });

describe('health', () => {
  it('does not count failures while starting, and does after', () => {
    const early = afterProbe(plan, STARTING, result(1), 5_000);
    expect(early).toMatchObject({ status: 'starting', failingStreak: 0 });
    const once = afterProbe(plan, early, result(1), 11_000);
    expect(once).toMatchObject({ status: 'starting', failingStreak: 1 });
    const twice = afterProbe(plan, once, result(1), 12_000);
    expect(twice).toMatchObject({ status: 'unhealthy', failingStreak: 2 });
    expect(afterProbe(plan, twice, result(0), 13_000)).toMatchObject({ status: 'healthy', failingStreak: 0 });
  });

  it('keeps the last five probes', () => {
    let health = STARTING;
    for (let code = 0; code < 8; code++) health = afterProbe(plan, health, result(code), 60_000);
    expect(health.log.map(({ exitCode }) => exitCode)).toEqual([3, 4, 5, 6, 7]);
  });

  it('probes more often within the start period', () => {
    expect(nextProbeMs(plan, STARTING, 5_000)).toBe(1_000);
    expect(nextProbeMs(plan, STARTING, 11_000)).toBe(30_000);
    expect(nextProbeMs(plan, { ...STARTING, status: 'healthy' }, 5_000)).toBe(30_000);
  });
});
