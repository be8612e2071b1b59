import { describe, expect, it, vi } from 'vitest';
import { trimFreedMemory } from '../host/sys/malloc.js';
import { IdleMemory } from './idle-memory.js';

const SECOND_US = 1_000_000;

describe('IdleMemory', () => {
  it('trims once after work, when it is over', async () => {
    let cpuUs = 0;
    const trim = vi.fn(async () => void (cpuUs += SECOND_US));
    using memory = new IdleMemory(trim, () => cpuUs);
    const lookAfter = async (workUs: number): Promise<number> => {
      cpuUs += workUs;
      await memory.look();
      return trim.mock.calls.length;
    };
    expect(await lookAfter(2 * SECOND_US)).toBe(0);
    expect(await lookAfter(2 * SECOND_US)).toBe(0);
    expect(await lookAfter(1000)).toBe(1);
    expect(await lookAfter(1000)).toBe(1);
    // A little work now and then is collected.
    expect(await lookAfter(75_000)).toBe(1);
    expect(await lookAfter(1000)).toBe(1);
    expect(await lookAfter(75_000)).toBe(1);
    expect(await lookAfter(1000)).toBe(2);
  });

  it('trims after a start, however quick that was', async () => {
    const trim = vi.fn(async () => undefined);
    using memory = new IdleMemory(trim, () => 50_000);
    await memory.look();
    await memory.look();
    expect(trim).toHaveBeenCalledTimes(1);
  });

  it('calls the C library', async () => {
    await trimFreedMemory();
  });
});
