import {
  chmodSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { mknodSync } from '../sys/mknod.js';
import { mount, umountAll } from '../sys/mount.js';
import type * as Openat2 from '../sys/openat2.js';
import { removeSmallTree } from './remove-small-tree.js';

const opens = vi.hoisted(() => ({ count: 0 }));
vi.mock('../sys/openat2.js', async (original) => {
  const actual = await original<typeof Openat2>();
  const openat2: typeof actual.openat2 = (...args) => {
    opens.count++;
    return actual.openat2(...args);
  };
  return { ...actual, openat2 };
});

let base: string;
let tree: string;
const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'wharf-small-'));
  mkdirSync(join(base, 'kept'));
  writeFileSync(join(base, 'kept/file'), '');
  tree = join(base, 'tree');
  mkdirSync(join(tree, 'a/b'), { recursive: true });
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

it('removes all kinds of entries, whatever their names and modes, and follows no link', async () => {
  const before = openDescriptors();
  writeFileSync(join(tree, 'a/é'), '');
  writeFileSync(Buffer.from(`${tree}/a/b/\xff\xfe`, 'latin1'), '');
  symlinkSync(join(base, 'kept'), join(tree, 'a/to-directory'));
  symlinkSync(join(base, 'kept/file'), join(tree, 'a/b/to-file'));
  mknodSync(join(tree, 'a/gone'), constants.S_IFCHR, 0, 0);
  mkdirSync(join(tree, 'a/locked/in'), { recursive: true });
  chmodSync(join(tree, 'a/locked'), 0);
  expect(await removeSmallTree(tree, 10)).toBe(true);
  expect(readdirSync(base)).toEqual(['kept']);
  expect(readdirSync(join(base, 'kept'))).toEqual(['file']);
  expect(openDescriptors()).toBe(before);
});

it('leaves alone what is larger, in breadth or in depth', async () => {
  const before = openDescriptors();
  for (const name of ['1', '2', '3']) writeFileSync(join(tree, 'a/b', name), '');
  expect(await removeSmallTree(tree, 5)).toBe(false);
  expect(readdirSync(join(tree, 'a/b'))).toHaveLength(3);
  rmSync(join(tree, 'a/b/3'));
  expect(await removeSmallTree(tree, 5)).toBe(true);
  mkdirSync(join(tree, `1/2/3/4/5${'/d'.repeat(500)}`), { recursive: true });
  opens.count = 0;
  expect(await removeSmallTree(tree, 5)).toBe(false);
  // not to the bottom
  expect(opens.count).toBeLessThan(10);
  expect(existsSync(join(tree, '1/2/3/4/5'))).toBe(true);
  expect(openDescriptors()).toBe(before);
});

it('enters no mount, and says of nothing that it has removed it', async () => {
  const mounted = join(tree, 'a/b');
  mount('tmpfs', mounted, 'tmpfs', 0, 'size=1m');
  try {
    writeFileSync(join(mounted, 'file'), '');
    expect(await removeSmallTree(tree, 10)).toBe(false);
    expect(existsSync(join(mounted, 'file'))).toBe(true);
  } finally {
    umountAll(mounted);
  }
  expect(await removeSmallTree(join(base, 'missing'), 10)).toBe(false);
  expect(await removeSmallTree(join(base, 'missing/in'), 10)).toBe(false);
  symlinkSync('kept', join(base, 'link'));
  expect(await removeSmallTree(join(base, 'link'), 10)).toBe(false);
  expect(lstatSync(join(base, 'link')).isSymbolicLink()).toBe(true);
  expect(readdirSync(join(base, 'kept'))).toEqual(['file']);
});
