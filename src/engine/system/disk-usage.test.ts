import { expect, it } from 'vitest';
import type { DiskUsageSources } from './disk-usage.js';
import { DiskUsageReader } from './disk-usage.js';

const never = new AbortController().signal;

function sources(onVolumes: () => Promise<[]>): DiskUsageSources {
  return {
    containers: { listWithSizes: () => Promise.resolve([]) },
    images: { list: () => Promise.resolve([]) },
    volumes: { usage: onVolumes },
    layersSizeBytes: () => 42,
  };
}

it('measures what is asked for', async () => {
  let asked = 0;
  const reader = new DiskUsageReader(sources(() => Promise.resolve((asked++, []))));
  const usage = await reader.read(new Set(['image', 'container', 'build-cache']), never);
  expect(usage).toEqual({ layersSizeBytes: 42, images: [], containers: [], volumes: [] });
  expect(asked).toBe(0);
});

it('shares one measuring among those who wait, and an abort leaves it to the others', async () => {
  let asked = 0;
  let finish: (value: []) => void = () => undefined;
  const reader = new DiskUsageReader(sources(() => new Promise((resolve) => (asked++, (finish = resolve)))));
  const abort = new AbortController();
  const first = reader.read(new Set(['volume']), abort.signal);
  const second = reader.read(new Set(['volume']), never);
  abort.abort(new Error('gone'));
  await expect(first).rejects.toThrow('gone');
  finish([]);
  expect((await second).volumes).toEqual([]);
  expect(asked).toBe(1);
  void reader.read(new Set(['volume']), never);
  expect(asked).toBe(2);
  finish([]);
});
