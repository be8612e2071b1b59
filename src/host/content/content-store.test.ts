import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
      async (writer) => {
        await writer.write(BYTES.subarray(0, 5));
        throw new Error('cut');
      },
      never,
    ),
  ).rejects.toThrow('cut');
  expect(await store.has(DIGEST)).toBe(false);
  const offsets: number[] = [];
  await new ContentStore(root).fetch(
    DIGEST,
    async (writer) => {
      offsets.push(writer.offset);
      await writer.write(BYTES.subarray(writer.offset));
    },
    never,
  );
  expect(offsets).toEqual([5]);
  expect(await store.read(DIGEST, 100)).toEqual(BYTES);
});

it('never shows a blob whose digest is wrong, and keeps nothing of it', async () => {
  await expect(store.fetch(DIGEST, (writer) => writer.write(Buffer.from('other')), never)).rejects.toThrow(
    /wrong digest/,
  );
  expect(await store.list()).toEqual([]);
  expect(await readdir(join(root, 'ingest'))).toEqual([]);
});

it('downloads once for two who ask at once', async () => {
  let fetched = 0;
  const fetchOnce = (): Promise<boolean> =>
    store.fetch(
      DIGEST,
      async (writer) => {
        fetched++;
        await new Promise(setImmediate);
        await writer.write(BYTES);
      },
      never,
    );
  expect(await Promise.all([fetchOnce(), fetchOnce()])).toEqual([true, false]);
  expect(fetched).toBe(1);
});

it('needs no download for a demoted blob', async () => {
  await store.put(BYTES);
  await store.demote(DIGEST);
  expect(await store.has(DIGEST)).toBe(false);
  const offsets: number[] = [];
  await store.fetch(DIGEST, async (writer) => void offsets.push(writer.offset), never);
  expect(offsets).toEqual([BYTES.length]);
});

it('sweeps what a dead process left', async () => {
  const writer = await store.newBlob();
  await writer.write(BYTES);
  await expect(
    store.fetch(
      DIGEST,
      async (partial) => {
        await partial.write(BYTES.subarray(1));
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
