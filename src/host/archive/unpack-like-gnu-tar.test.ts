import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { describeTree } from './testing/describe-tree.js';
import { rawTar, type RawEntry } from './testing/raw-tar.js';
import { unpackLayer } from './unpack-layer.js';

/** The same archives each time, unless others are asked for. */
const SEED = Number(process.env['WHARF_TEST_SEED'] ?? 4);
const RUNS = Number(process.env['WHARF_TEST_RUNS'] ?? 120);

const base = mkdtempSync(join(tmpdir(), 'wharf-like-tar-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));

const KINDS = [
  'file',
  'file',
  'directory',
  'directory',
  'symlink',
  'hardlink',
  'char',
  'block',
  'fifo',
  'sparse',
] as const;
const TYPES = { directory: '5', symlink: '2', hardlink: '1', char: '3', block: '4', fifo: '6', sparse: '0' };

const shortName = fc.string({
  unit: fc.constantFrom('a', 'b', 'B', 'é', ' ', '.', '-', '\\', '\n', '*'),
  minLength: 1,
  maxLength: 6,
});
const longName = fc.constantFrom('l', 'ü').map((char) => char.repeat(char === 'l' ? 150 : 110));
const name = fc
  .oneof({ weight: 6, arbitrary: shortName }, { weight: 1, arbitrary: longName })
  .filter((part) => part !== '.' && part !== '..' && !part.startsWith('.wh.'));

/** A step of an archive; numbers choose among what is there when it is reached. */
const step = fc.record({
  kind: fc.constantFrom(...KINDS),
  name,
  parent: fc.nat(),
  /** Takes the place of something that is there instead of a new name. */
  overwrites: fc.option(fc.nat(), { freq: 3 }),
  linkTo: fc.nat(),
  symlinkTo: fc.constantFrom('x', '../x', '/etc/passwd', '/', '..', 'é'.repeat(80)),
  fileType: fc.constantFrom('0', '\0', '7'),
  bytes: fc.constantFrom(0, 1, 511, 512, 513, 3000),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.constantFrom(0, 1000, 0o7777777, 0o10000000, 4_294_967_294),
  gid: fc.constantFrom(0, 5, 0o10000000, 3_000_000_000),
  mtime: fc.constantFrom('0', '1', '1600000000', '1700000000.25', '8589934592', '-1', '-86400', '253402300799'),
  device: fc.tuple(fc.integer({ min: 1, max: 4000 }), fc.integer({ min: 0, max: 100_000 })),
  extents: fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 3 })), { maxLength: 5 }),
  xattrs: fc.uniqueArray(
    fc.tuple(fc.constantFrom('user.a', 'user.b.c', 'trusted.t'), fc.constantFrom('', 'x=1\n', 'é')),
    {
      selector: ([key]) => key,
      maxLength: 2,
    },
  ),
  style: fc.constantFrom<RawEntry['style']>('gnu', 'pax', 'pax-sparse-0.1'),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Entries that any unpacker can follow: parents are directories, hard links lead to what is there. */
function entriesOf(steps: readonly Step[]): RawEntry[] {
  const tree = new Map<string, Step['kind']>([['.', 'directory']]);
  const root = { ...plain('./', '5'), mode: 0o755 };
  return [root, ...steps.flatMap((one) => entryOf(one, tree))];
}

function entryOf(one: Step, tree: Map<string, Step['kind']>): RawEntry[] {
  const known = [...tree.keys()];
  const directories = known.filter((path) => tree.get(path) === 'directory');
  const parent = directories[one.parent % directories.length] ?? '.';
  const there = one.overwrites === null ? '.' : (known[one.overwrites % known.length] ?? '.');
  const path = there === '.' ? `${parent}/${one.name}` : there;
  if (Buffer.byteLength(path) > 900) return [];
  const targets = known.filter(
    (other) => other !== path && !other.startsWith(`${path}/`) && tree.get(other) !== 'directory',
  );
  const target = targets[one.linkTo % Math.max(1, targets.length)];
  if (one.kind === 'hardlink' && target === undefined) return [];
  const kind = one.kind === 'hardlink' ? (tree.get(target ?? '') ?? 'file') : one.kind;
  // A directory again keeps what is in it, for us; for a tar that takes everything out of the way it does not.
  if (kind === 'directory' && tree.get(path) === 'directory') return [];
  for (const other of known) if (other.startsWith(`${path}/`)) tree.delete(other);
  tree.set(path, kind);
  const { mode, uid, gid, mtime, style } = one;
  const common = { ...plain(path, one.kind === 'file' ? one.fileType : TYPES[one.kind]), mode, uid, gid, style };
  // Without an extension a time has no fraction.
  const whole = style === 'gnu' && one.kind !== 'sparse' ? String(Math.floor(Number(mtime))) : mtime;
  return [{ ...common, mtime: whole, ...contentOf(one, target ?? '') }];
}

function contentOf(one: Step, target: string): Partial<RawEntry> {
  switch (one.kind) {
    case 'file':
      return { data: Buffer.alloc(one.bytes, one.name), xattrs: one.xattrs };
    case 'directory':
      // GNU tar leaves directories below a setgid one the bit that they inherit.
      return { mode: one.mode & ~0o2000, xattrs: one.xattrs };
    case 'symlink':
      return { link: one.symlinkTo };
    case 'hardlink':
      return { link: target };
    case 'char':
    case 'block':
      return { device: one.device };
    case 'fifo':
      return {};
    case 'sparse':
      return { ...sparseContent(one.extents), style: one.style === 'gnu' ? 'pax' : one.style };
  }
}

function sparseContent(gaps: [gap: number, length: number][]): Pick<RawEntry, 'sparse' | 'data'> {
  const extents: [number, number][] = [];
  let at = 0;
  for (const [gap, length] of gaps) {
    extents.push([at + gap * 4096, length * 512]);
    at += gap * 4096 + length * 512;
  }
  const realSize = at + 8192;
  // GNU tar ends the list with where the file ends.
  return {
    sparse: { realSize, extents: [...extents, [realSize, 0]] },
    data: Buffer.concat(extents.map(([offset, length]) => Buffer.alloc(length, String(offset)))),
  };
}

function plain(path: string, type: string): RawEntry {
  return {
    name: type === '5' && !path.endsWith('/') ? `${path}/` : path,
    ...{ type, link: '', mode: 0, uid: 0, gid: 0, mtime: '0', device: [0, 0], data: Buffer.alloc(0) },
    ...{ sparse: null, xattrs: [], style: 'pax' },
  };
}

it(
  'archives of any entries, in any of the formats, give what GNU tar makes of them',
  { timeout: 600_000 },
  async () => {
    let round = 0;
    const property = fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.boolean(), async (steps, global) => {
      const dir = join(base, String(round++));
      for (const part of ['gnu', 'ours']) mkdirSync(join(dir, part), { recursive: true });
      const archive = join(dir, 'a.tar');
      writeFileSync(archive, rawTar(entriesOf(steps), { global }));
      // -P: links are made at once, not at the end; the others: what is in the way goes, whatever it is.
      const how = [
        '-P',
        '--recursive-unlink',
        '--unlink-first',
        '--xattrs',
        '--xattrs-include=*',
        '--same-owner',
        '-pxf',
      ];
      execFileSync('tar', ['-C', join(dir, 'gnu'), ...how, archive], { stdio: ['ignore', 'ignore', 'pipe'] });
      await unpackLayer({ path: archive }, join(dir, 'ours'));
      // Of directories that were filled later than their successors GNU tar loses the times.
      const trees = ['ours', 'gnu'].map((part) => describeTree(join(dir, part), { directoryTimes: false }));
      expect(trees[0]).toEqual(trees[1]);
      rmSync(dir, { recursive: true });
    });
    await fc.assert(property, { numRuns: RUNS, seed: SEED });
  },
);
