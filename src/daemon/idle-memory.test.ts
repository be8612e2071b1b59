import { getHeapSpaceStatistics } from 'node:v8';
import { describe, expect, it, vi } from 'vitest';
import { IdleMemory } from './idle-memory.js';

const SECOND_US = 1_000_000;
const nothing = (): void => undefined;

describe('IdleMemory', () => {
  it('trims once after work, when it is over', async () => {
    const work = { cpuUs: 0, loopMs: 0 };
    const trim = vi.fn(async () => void (work.cpuUs += SECOND_US));
    using memory = new IdleMemory(nothing, trim, () => ({ ...work }));
    const lookAfter = async (workUs: number): Promise<number> => {
      work.cpuUs += workUs;
      work.loopMs += workUs / 1000;
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

  it('trims now and then while there is always a little to do, and not while there is much', async () => {
    const work = { cpuUs: 0, loopMs: 0 };
    const trim = vi.fn(async () => undefined);
    using memory = new IdleMemory(nothing, trim, () => ({ ...work }));
    const looks = async (count: number, cpuUs: number, loopMs: number): Promise<number> => {
      for (let look = 0; look < count; look++) {
        work.cpuUs += cpuUs;
        work.loopMs += loopMs;
        await memory.look();
      }
      return trim.mock.calls.length;
    };
    expect(await looks(1, 0, 0)).toBe(1);
    expect(await looks(19, 100_000, 100)).toBe(1);
    expect(await looks(1, 100_000, 100)).toBe(2);
    expect(await looks(60, 100_000, 100)).toBe(5);
    // Threads may be as busy as they like: nobody waits for the main loop.
    expect(await looks(1, 3 * SECOND_US, 100)).toBe(6);
    expect(await looks(60, SECOND_US, 600)).toBe(6);
    expect(await looks(1, 100_000, 100)).toBe(7);
  });

  it('trims after a start, however quick that was, and drops caches before', async () => {
    const order: string[] = [];
    using memory = new IdleMemory(
      () => order.push('drop'),
      async () => void order.push('trim'),
      () => ({ cpuUs: 50_000, loopMs: 50 }),
    );
    await memory.look();
    await memory.look();
    expect(order).toEqual(['drop', 'trim']);
  });

  it('leaves neither garbage nor loose pages', async () => {
    using memory = new IdleMemory(nothing, undefined, () => ({ cpuUs: 0, loopMs: 0 }));
    const objects: (object | undefined)[] = Array.from({ length: 1_000_000 }, (_, index) => ({ index, next: {} }));
    // One in twenty keeps nearly every page from being empty.
    for (let index = 0; index < objects.length; index++) if (index % 20 !== 0) objects[index] = undefined;
    await memory.look();
    const { space_size, space_used_size } = getHeapSpaceStatistics().find(
      ({ space_name }) => space_name === 'old_space',
    )!;
    expect(space_size - space_used_size).toBeLessThan(16 * 1024 * 1024);
    expect(objects).toHaveLength(1_000_000);
  });
});
