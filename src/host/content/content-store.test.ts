import { appendFile, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { digestOf } from '../../shared/digest.js';
import { ContentStore } from './content-store.js';

const BYTES = Buffer.from('the whole blob');
const DIGEST = digestOf(BYTES);
const never = new AbortController().signal;
let root: string;
let store: ContentStore;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'content-'));
  store = new ContentStore(root);
});
afterEach(() => rm(root, { recursive: true }));

it('stores and lists bytes by digest', async () => {
  expect(await store.put(BYTES)).toEqual({ digest: DIGEST, sizeBytes: BYTES.length });
  expect(await store.list()).toEqual([DIGEST]);
  expect(await store.read(DIGEST, 100)).toEqual(BYTES);
  await expect(store.read(DIGEST, 3)).rejects.toThrow('too many');
  await store.remove(DIGEST);
  expect(await store.has(DIGEST)).toBe(false);
  await expect(store.read(DIGEST, 100)).rejects.toMatchObject({ kind: 'not-found' });
});

it('goes on where a cut download stopped', async () => {
  await expect(
    store.fetch(
      DIGEST,
      async (path) => {
        await writeFile(path, BYTES.subarray(0, 5));
        throw new Error('cut');
      },
      never,
    ),
  ).rejects.toThrow('cut');
  expect(await store.has(DIGEST)).toBe(false);
  const offsets: number[] = [];
  await new ContentStore(root).fetch(
    DIGEST,
    async (path) => {
      offsets.push((await stat(path)).size);
      await appendFile(path, BYTES.subarray(offsets[0]));
    },
    never,
  );
  expect(offsets).toEqual([5]);
  expect(await store.read(DIGEST, 100)).toEqual(BYTES);
});

it('keeps nothing of a download that brought nothing', async () => {
  const failing = store.fetch(
    DIGEST,
    async (path) => {
      await writeFile(path, '');
      throw new Error('nothing');
    },
    never,
  );
  await expect(failing).rejects.toThrow('nothing');
  expect(await store.list()).toEqual([]);
  expect(await readdir(join(root, 'ingest'))).toEqual([]);
});

it('gzips a blob, always to the same', async () => {
  await store.put(BYTES);
  const made = await store.compress(DIGEST, never);
  expect(gunzipSync(await store.read(made.digest, 1000))).toEqual(BYTES);
  expect(await store.compress(DIGEST, never)).toEqual(made);
  expect(await readdir(join(root, 'ingest'))).toEqual([]);
});

it('downloads once for two who ask at once', async () => {
  let fetched = 0;
  const fetchOnce = (): Promise<boolean> =>
    store.fetch(
      DIGEST,
      async (path) => {
        fetched++;
        await new Promise(setImmediate);
        await writeFile(path, BYTES);
      },
      never,
    );
  expect(await Promise.all([fetchOnce(), fetchOnce()])).toEqual([true, false]);
  expect(fetched).toBe(1);
});

it('tells both who wait for a download how far it is', async () => {
  const seen: Record<string, number[]> = { first: [], second: [] };
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  let begun: (report: (bytes: number) => void) => void = () => undefined;
  const begin = new Promise<(bytes: number) => void>((resolve) => (begun = resolve));
  const download = async (path: string, report: (bytes: number) => void): Promise<void> => {
    begun(report);
    await finished;
    await writeFile(path, BYTES);
  };
  const ask = (who: string): Promise<boolean> =>
    store.fetch(DIGEST, download, never, (bytes) => void seen[who]?.push(bytes));
  const first = ask('first');
  const report = await begin;
  report(1);
  const second = ask('second');
  report(2);
  finish();
  expect(await Promise.all([first, second])).toEqual([true, false]);
  expect(seen).toEqual({ first: [1, 2], second: [1, 2] });
});

it('needs no download for a demoted blob', async () => {
  await store.put(BYTES);
  store.demote(DIGEST);
  expect(await store.has(DIGEST)).toBe(false);
  const offsets: number[] = [];
  await store.fetch(DIGEST, async (path) => void offsets.push((await stat(path)).size), never);
  expect(offsets).toEqual([BYTES.length]);
});

it('sweeps what a dead process left', async () => {
  const writer = await store.newBlob();
  await writer.write(BYTES);
  await expect(
    store.fetch(
      DIGEST,
      async (path) => {
        await writeFile(path, BYTES.subarray(1));
        throw new Error('cut');
      },
      never,
    ),
  ).rejects.toThrow('cut');
  await store.sweepIngest(60_000);
  const [partial] = await readdir(join(root, 'ingest'));
  expect(partial).toMatch(/\.partial$/);
  await utimes(join(root, 'ingest', partial ?? ''), 1, 1);
  await store.sweepIngest(60_000);
  expect(await readdir(join(root, 'ingest'))).toEqual([]);
  await writer.abort();
});

it('refuses names that are no digest', () => {
  expect(() => store.path('sha256:../../etc/passwd')).toThrow(expect.objectContaining({ kind: 'invalid' }));
});
