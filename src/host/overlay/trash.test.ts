import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { mount, umountAll } from '../sys/mount.js';
import { diskSpace } from './disk-space.js';
import { Trash } from './trash.js';

const jobs = vi.hoisted(() => vi.fn<(name: string) => void>());
vi.mock(import('../archive/archive-workers.js'), async (original) => {
  const actual = await original();
  return {
    ...actual,
    submitArchiveJob: (name, ...rest) => {
      jobs(name);
      return actual.submitArchiveJob(name, ...rest);
    },
  };
});

let base: string;
let faults: unknown[];
let trash: Trash;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'wharf-trash-'));
  mount('tmpfs', base, 'tmpfs', 0, 'size=16m,nr_inodes=200k');
  faults = [];
  jobs.mockClear();
  trash = new Trash(base, 'unpack-', (error) => faults.push(error));
});
afterEach(() => {
  umountAll(base);
  rmSync(base, { recursive: true });
});

function tree(name: string): string {
  const path = join(base, name);
  mkdirSync(join(path, 'a/b'), { recursive: true });
  writeFileSync(join(path, 'a/b/file'), Buffer.alloc(1024 * 1024));
  symlinkSync(base, join(path, 'a/link'));
  return path;
}

it('takes trees out of sight at once, and removes them without following a link', async () => {
  const kept = tree('kept');
  for (const name of ['one', 'two']) trash.discard(tree(name));
  trash.discard(join(base, 'missing'));
  expect(readdirSync(base).filter((name) => !name.startsWith('unpack-removed-'))).toEqual(['kept']);
  await trash.settled();
  expect(readdirSync(base)).toEqual(['kept']);
  expect(existsSync(join(kept, 'a/b/file'))).toBe(true);
  expect(faults).toEqual([]);
});

it('starts a thread only for what is large', async () => {
  trash.discard(tree('small'));
  await trash.settled();
  expect(jobs).not.toHaveBeenCalled();
  const large = tree('large');
  for (let count = 0; count < 128; count++) writeFileSync(join(large, `a/${count}`), '');
  trash.discard(large);
  await trash.settled();
  expect([jobs.mock.calls, readdirSync(base), faults]).toEqual([[['remove-tree']], [], []]);
});

it('goes on after what can not be removed, and tells of it', async () => {
  const bad = tree('bad');
  trash.discard(bad);
  const [doomed = ''] = readdirSync(base);
  // Nobody can remove a mount point.
  mount('tmpfs', join(base, doomed, 'a/b'), 'tmpfs', 0, 'size=1m');
  trash.discard(tree('good'));
  await trash.settled();
  expect(faults).toHaveLength(1);
  expect(String(faults[0])).toContain('device or resource busy');
  expect(readdirSync(base)).toEqual([doomed]);
  umountAll(join(base, doomed, 'a/b'));
});

it('removes at once what is on another file system', async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'wharf-elsewhere-'));
  try {
    mkdirSync(join(elsewhere, 'one/a'), { recursive: true });
    await trash.discardFromAnywhere(join(elsewhere, 'one'));
    expect([readdirSync(elsewhere), readdirSync(base)]).toEqual([[], []]);
    await trash.discardFromAnywhere(tree('two'));
    expect(readdirSync(base)).toEqual([expect.stringMatching(/^unpack-removed-/)]);
    await trash.settled();
  } finally {
    rmSync(elsewhere, { recursive: true });
  }
});

it('waits for the space where the disk is nearly full', async () => {
  const full = tree('full');
  const { availableBytes } = diskSpace(base);
  writeFileSync(join(base, 'fill'), Buffer.alloc(availableBytes - 512 * 1024));
  trash.discard(full);
  await trash.room();
  expect(readdirSync(base)).toEqual(['fill']);
  expect(diskSpace(base).availableBytes).toBeGreaterThan(1024 * 1024);
});

it('removes by itself, after a while, what nobody waits for', async () => {
  trash.discard(tree('one'));
  trash.discard(tree('two'));
  await expect.poll(() => readdirSync(base), { timeout: 30_000 }).toEqual([]);
  expect(faults).toEqual([]);
});
