import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { mount, MS, umountAll } from './mount.js';
import { removalObstacle } from './removal-obstacle.js';

let dir: string;
let tree: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'wharf-obstacle-'));
  mount('tmpfs', dir, 'tmpfs', 0, 'size=1m');
  tree = join(dir, 'a');
  mkdirSync(join(tree, 'b'), { recursive: true });
  writeFileSync(join(dir, 'a/b/file'), '');
  symlinkSync('/proc', join(dir, 'a/link'));
});
afterEach(() => {
  umountAll(dir);
  rmSync(dir, { recursive: true });
});

it('knows nothing against plain trees, nor against one that is missing', () => {
  expect(removalObstacle(tree)).toBeNull();
  expect(removalObstacle(join(dir, 'missing'))).toBeNull();
});

it('finds what is mounted in a tree, of the same file system too', () => {
  const path = join(dir, 'a/b');
  mount(path, path, null, MS.BIND);
  expect(removalObstacle(tree)).toMatchObject({ code: 'EBUSY', syscall: 'rmdir', path });
  umountAll(path);
  expect(removalObstacle(tree)).toBeNull();
  expect(removalObstacle(dir)).toMatchObject({ code: 'EBUSY', path: dir });
});

it.each([
  ['+i', 'a/b/file', 'unlink'],
  ['+a', 'a/b', 'rmdir'],
])('finds what is marked by chattr %s', (flag, name, syscall) => {
  const path = join(dir, name);
  try {
    execFileSync('chattr', [flag, path], { stdio: 'ignore' });
  } catch {
    return; // not on this file system, or not this user
  }
  expect(removalObstacle(tree)).toMatchObject({ code: 'EPERM', syscall, path });
  execFileSync('chattr', [flag.replace('+', '-'), path]);
  expect(removalObstacle(tree)).toBeNull();
});
