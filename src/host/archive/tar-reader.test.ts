import { execFileSync } from 'node:child_process';
import {
  chownSync,
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mkfifoSync } from '../sys/mknod.js';
import { lsetxattr } from '../sys/xattr.js';
import { describeTree } from './testing/describe-tree.js';
import { TarReader } from './tar-reader.js';
import { unpackLayer } from './unpack-layer.js';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'wharf-tar-'));
  for (const name of ['from', 'gnu', 'ours']) mkdirSync(join(base, name));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

/** Unpacks what GNU tar packed with both programs and compares. */
async function compare(...packArguments: string[]): Promise<void> {
  const archive = join(base, 'a.tar');
  execFileSync('tar', ['-C', join(base, 'from'), ...packArguments, '-cf', archive, '.']);
  const unpack = ['--xattrs', '--xattrs-include=*', '--same-owner', '-pxf', archive];
  execFileSync('tar', ['-C', join(base, 'gnu'), ...unpack]);
  await unpackLayer({ path: archive }, join(base, 'ours'));
  expect(describeTree(join(base, 'ours'))).toEqual(describeTree(join(base, 'gnu')));
}

/** A file with data at some offsets and holes between. */
function makeSparse(path: string, offsets: number[], size: number): void {
  const fd = openSync(path, 'w');
  for (const offset of offsets) writeSync(fd, Buffer.from(`data at ${offset}`), 0, undefined, offset);
  closeSync(fd);
  truncateSync(path, size);
}

function makeSpecials(from: string): void {
  mkdirSync(join(from, 'd'.repeat(120), 'e'.repeat(120)), { recursive: true });
  writeFileSync(join(from, 'd'.repeat(120), 'e'.repeat(120), 'f'.repeat(150)), 'long');
  symlinkSync('x'.repeat(300), join(from, 'long link'));
  writeFileSync(join(from, 'ünïcödé'), 'text');
  linkSync(join(from, 'ünïcödé'), join(from, 'd'.repeat(120), 'hard'));
  mkfifoSync(join(from, 'fifo'), 0o640);
  chownSync(join(from, 'fifo'), 4_000_000, 4_000_001);
}

describe('archives of GNU tar', () => {
  it.each([['gnu'], ['pax'], ['posix']])('%s format, every kind of entry', async (format) => {
    const from = join(base, 'from');
    makeSpecials(from);
    if (format !== 'gnu') lsetxattr(join(from, 'ünïcödé'), 'user.note', Buffer.from('a\nb=c\0d'));
    await compare(`--format=${format}`, ...(format === 'gnu' ? [] : ['--xattrs']));
  });

  it.each([['ustar'], ['v7']])('%s format', async (format) => {
    const from = join(base, 'from');
    mkdirSync(join(from, 'p'.repeat(80)));
    writeFileSync(join(from, 'p'.repeat(80), format === 'v7' ? 'short' : 'q'.repeat(80)), 'x');
    symlinkSync('target', join(from, 'link'));
    await compare(`--format=${format}`);
  });

  it.each([['--format=gnu'], ['--sparse-version=0.0'], ['--sparse-version=0.1'], ['--sparse-version=1.0']])(
    'sparse files, %s',
    async (version) => {
      const from = join(base, 'from');
      const many = Array.from({ length: 60 }, (_, index) => index * 65_536);
      makeSparse(join(from, 'many'), many, 5_000_000);
      makeSparse(join(from, 'start'), [0], 1_000_000);
      makeSparse(join(from, 'end'), [999_000], 999_100);
      makeSparse(join(from, 'hole'), [], 300_000);
      writeFileSync(join(from, 'after'), 'in step');
      await compare('--sparse', ...(version === '--format=gnu' ? [version] : ['--format=pax', version]));
    },
  );

  it('any tree', async () => {
    const name = fc.string({
      unit: fc.constantFrom('a', 'b', 'é', ' ', '.', '-', '\\', '\n'),
      minLength: 1,
      maxLength: 12,
    });
    const node = fc.record({
      path: fc.array(
        name.filter((part) => part !== '.' && part !== '..' && !part.startsWith('.wh.')),
        { minLength: 1, maxLength: 4 },
      ),
      kind: fc.constantFrom('file', 'directory', 'symlink'),
      bytes: fc.nat(3000),
      uid: fc.constantFrom(0, 1000, 2_097_151, 2_097_152, 4_294_967_294),
    });
    const runs = fc.asyncProperty(fc.array(node, { maxLength: 12 }), async (nodes) => {
      rmSync(base, { recursive: true });
      for (const part of ['from', 'gnu', 'ours']) mkdirSync(join(base, part), { recursive: true });
      for (const { path, kind, bytes, uid } of nodes) make(join(base, 'from'), path, kind, bytes, uid);
      await compare('--format=pax');
    });
    await fc.assert(runs, { numRuns: 15 });
  });
});

/** Makes one node of a random tree; where the tree has something in the way it stays out. */
function make(root: string, path: string[], kind: string, bytes: number, uid: number): void {
  const full = join(root, ...path);
  try {
    mkdirSync(join(root, ...path.slice(0, -1)), { recursive: true });
    if (kind === 'file') writeFileSync(full, Buffer.alloc(bytes, path[0]), { flag: 'wx' });
    else if (kind === 'directory') mkdirSync(full);
    else symlinkSync(path.join('/'), full);
    if (kind !== 'symlink') chownSync(full, uid, 5);
  } catch (error) {
    expect((error as { code: string }).code).toMatch(/EEXIST|ENOTDIR|ENOENT|ELOOP/);
  }
}

describe('TarReader', () => {
  it('reads the same whatever the pieces', () => {
    makeSpecials(join(base, 'from'));
    makeSparse(join(base, 'from', 'sparse'), [0, 100_000, 200_000], 300_000);
    const archive = execFileSync('tar', ['-C', join(base, 'from'), '--sparse', '--format=pax', '-c', '.']);
    const read = (size: number): unknown[] => {
      const seen: unknown[] = [];
      const reader = new TarReader({
        entry: (entry) => seen.push({ ...entry }),
        data: (piece, offset) => piece.forEach((byte, at) => seen.push(`${offset + at}:${byte}`)),
        entryEnd: () => seen.push('end'),
      });
      for (let at = 0; at < archive.length; at += size) reader.push(archive.subarray(at, at + size));
      reader.finish();
      return seen;
    };
    const whole = read(archive.length);
    for (const size of [1, 7, 511, 513, 4096]) expect(read(size)).toEqual(whole);
  });

  it('never throws anything but its own errors, and ends, on rubbish', () => {
    makeSpecials(join(base, 'from'));
    const archive = execFileSync('tar', ['-C', join(base, 'from'), '--format=pax', '-c', '.']);
    const damage = fc.array(fc.tuple(fc.nat(archive.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(damage, (changes) => {
        const bytes = Buffer.from(archive);
        for (const [at, value] of changes) bytes[at] = value;
        const reader = new TarReader({ entry: () => undefined, data: () => undefined, entryEnd: () => undefined });
        try {
          reader.push(bytes);
          reader.finish();
        } catch (error) {
          expect((error as Error).constructor.name).toBe('ArchiveError');
        }
      }),
      { numRuns: 200 },
    );
  });
});
