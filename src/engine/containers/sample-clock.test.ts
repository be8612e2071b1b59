import { describe, expect, it } from 'vitest';
import { SampleClock } from './sample-clock.js';

const counting = (): { looks: string[]; clock: SampleClock<string, { at: number }> } => {
  const looks: string[] = [];
  const clock = new SampleClock<string, { at: number }>((key) => {
    looks.push(key);
    return key === 'stopped' ? null : { at: looks.length };
  }, 20);
  return { looks, clock };
};

async function take<T>(samples: AsyncIterable<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  for await (const sample of samples) {
    taken.push(sample);
    if (taken.length === count) break;
  }
  return taken;
}

const never = new AbortController().signal;

describe('SampleClock', () => {
  it('looks at once, and then again and again', async () => {
    const { looks, clock } = counting();
    expect(await take(clock.watch('a', never), 3)).toEqual([{ at: 1 }, { at: 2 }, { at: 3 }]);
    expect(looks).toEqual(['a', 'a', 'a']);
  });

  it('looks once for all who watch the same', async () => {
    const { clock } = counting();
    const [first, second] = await Promise.all([take(clock.watch('a', never), 5), take(clock.watch('a', never), 5)]);
    expect(second).toEqual(first);
    second.forEach((sample, index) => expect(sample).toBe(first[index]));
  });

  it('gives null for what can not be looked at', async () => {
    const { clock } = counting();
    expect(await take(clock.watch('stopped', never), 2)).toEqual([null, null]);
  });

  it('looks at nothing that nobody watches', async () => {
    const { looks, clock } = counting();
    await take(clock.watch('a', never), 1);
    await take(clock.watch('b', never), 4);
    expect(looks.filter((key) => key === 'a')).toEqual(['a']);
  });

  it('ends when aborted, without waiting for the next look', async () => {
    const clock = new SampleClock(() => 1, 1_000_000);
    const controller = new AbortController();
    const samples = clock.watch('a', controller.signal);
    expect(await samples.next()).toEqual({ value: 1, done: false });
    const next = samples.next();
    controller.abort();
    expect(await next).toEqual({ value: undefined, done: true });
  });
});
