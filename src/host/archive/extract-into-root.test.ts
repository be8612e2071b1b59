import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { extractIntoRoot, type ExtractOptions } from './extract-into-root.js';
import { tarOf, type FixtureEntry } from './testing/tar-fixture.js';

let base: string;
let root: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'wharf-extract-'));
  root = join(base, 'root');
  mkdirSync(join(root, 'etc'), { recursive: true });
  mkdirSync(join(base, 'outside'));
});
afterEach(() => {
  expect(readdirSync(join(base, 'outside'))).toEqual([]);
  rmSync(base, { recursive: true, force: true });
});

const extract = (path: string, entries: FixtureEntry[], options: ExtractOptions = {}): Promise<void> =>
  extractIntoRoot(root, path, Readable.from([tarOf(entries)], { objectMode: false }), options);
const text = (path: string): string => readFileSync(join(root, path), 'utf8');

describe('extractIntoRoot', () => {
  it('puts entries below the path, whiteout names as they are', async () => {
    symlinkSync('etc', join(root, 'link'));
    await extract('/link/', [
      { name: 'a/b', data: '1' },
      { name: '.wh.x' },
      { name: './', type: 'directory', mode: 0o1 },
    ]);
    expect(text('etc/a/b')).toBe('1');
    expect(existsSync(join(root, 'etc/.wh.x'))).toBe(true);
    expect(lstatSync(join(root, 'etc')).mode & 0o777).not.toBe(1);
  });

  it('resolves hard links from the path', async () => {
    await extract('/etc', [
      { name: 'f', data: 'x' },
      { name: 'd/h', type: 'hardlink', link: '/f' },
    ]);
    expect(text('etc/d/h')).toBe('x');
  });

  it('takes compressed archives', async () => {
    const bytes = gzipSync(tarOf([{ name: 'z', data: 'zipped' }]));
    await extractIntoRoot(root, '/', Readable.from([bytes], { objectMode: false }));
    expect(text('z')).toBe('zipped');
  });

  it('gives everything to an owner, implied directories too', async () => {
    await extract('/etc', [{ name: 'p/f', uid: 1 }], { owner: { uid: 77, gid: 88 } });
    for (const path of ['p', 'p/f']) {
      const { uid, gid } = lstatSync(join(root, 'etc', path));
      expect([uid, gid]).toEqual([77, 88]);
    }
  });

  it.each([
    ['/nope', 'Could not find the file /nope', 'not-found'],
    ['/file', 'extraction point is not a directory', 'invalid'],
  ])('refuses %s', async (path, message, kind) => {
    writeFileSync(join(root, 'file'), '');
    await expect(extract(path, [])).rejects.toMatchObject({ message, kind });
  });

  it('merges and replaces; noOverwriteDirNonDir refuses', async () => {
    mkdirSync(join(root, 'etc/dir/sub'), { recursive: true });
    writeFileSync(join(root, 'etc/file'), 'old');
    const strict = { noOverwriteDirNonDir: true };
    await expect(extract('/etc', [{ name: 'dir', data: 'x' }], strict)).rejects.toThrow(
      'cannot overwrite directory "dir" with non-directory "/etc"',
    );
    await expect(extract('/etc', [{ name: 'file', type: 'directory' }], strict)).rejects.toThrow(
      'cannot overwrite non-directory "file" with directory "/etc"',
    );
    await extract(
      '/etc',
      [
        { name: 'file', data: 'new' },
        { name: 'dir', type: 'directory' },
      ],
      strict,
    );
    expect(text('etc/file')).toBe('new');
    expect(existsSync(join(root, 'etc/dir/sub'))).toBe(true);
    await extract('/etc', [
      { name: 'dir', data: 'x' },
      { name: 'file', type: 'directory' },
    ]);
    expect(text('etc/dir')).toBe('x');
    expect(lstatSync(join(root, 'etc/file')).isDirectory()).toBe(true);
  });

  it('links of the container do not lead out', async () => {
    symlinkSync(join(base, 'outside'), join(root, 'abs'));
    symlinkSync('../outside', join(root, 'rel'));
    await extract('/', [
      { name: 'abs/f', data: 'x' },
      { name: 'rel/f', data: 'x' },
    ]);
    expect(text('outside/f')).toBe('x');
  });
});
