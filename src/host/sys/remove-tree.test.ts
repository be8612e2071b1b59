import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeTree } from './remove-tree.js';

let base: string;
let tree: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'remove-'));
  tree = join(base, 'tree');
  mkdirSync(join(tree, 'a/b/c'), { recursive: true });
  writeFileSync(join(tree, 'a/file'), 'x');
  symlinkSync(base, join(tree, 'a/b/link'));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

describe('removeTree', () => {
  it('has removed a small tree when it returns, and follows no link', async () => {
    const removal = removeTree(tree);
    expect(existsSync(tree)).toBe(false);
    await removal;
    expect(existsSync(base)).toBe(true);
  });

  it('takes many files and large ones', async () => {
    for (let index = 0; index < 200; index++) writeFileSync(join(tree, `a/${index}`), '');
    await removeTree(tree);
    expect(existsSync(tree)).toBe(false);
    mkdirSync(tree);
    writeFileSync(join(tree, 'large'), '');
    truncateSync(join(tree, 'large'), 1 << 30);
    await removeTree(tree);
    expect(existsSync(tree)).toBe(false);
  });

  it('finds nothing wrong with a missing one, and tells of what is none', async () => {
    await removeTree(join(base, 'missing'));
    await expect(removeTree('/proc/self/fdinfo')).rejects.toThrow();
  });
});
