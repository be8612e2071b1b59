import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { extension, PLAIN_FILE, rawTar, type RawEntry } from './testing/raw-tar.js';
import { unpackLayer } from './unpack-layer.js';

let base: string;
let target: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'wharf-pax-'));
  target = join(base, 'layer');
  mkdirSync(target);
  mkdirSync(join(base, 'outside'));
  writeFileSync(join(base, 'outside', 'victim'), 'untouched');
});
afterEach(() => {
  expect(readFileSync(join(base, 'outside', 'victim'), 'utf8')).toBe('untouched');
  expect(readdirSync(base).sort()).toEqual(['layer', 'outside']);
  rmSync(base, { recursive: true, force: true });
});

const unpack = (bytes: Buffer): ReturnType<typeof unpackLayer> =>
  unpackLayer(Readable.from([bytes], { objectMode: false }), target);
const file = (more: Partial<RawEntry>): RawEntry => ({ ...PLAIN_FILE, ...more });

it.each<[string, RawEntry[]]>([
  ['path', [file({ records: [['path', '../outside/victim']], data: Buffer.from('x') })]],
  ['path, below a good name', [file({ records: [['path', 'a/../../outside/victim']], data: Buffer.from('x') })]],
  ['linkpath of a hard link', [file({ type: '1', link: 'f', records: [['linkpath', '../outside/victim']] })]],
  [
    'the name of a sparse file',
    [
      file({
        records: [
          ['GNU.sparse.major', '1'],
          ['GNU.sparse.minor', '0'],
          ['GNU.sparse.name', '../outside/victim'],
          ['GNU.sparse.realsize', '0'],
        ],
        data: Buffer.from('0\n'.padEnd(512, '\0')),
      }),
    ],
  ],
])('a harmless header does not hide a hostile %s', async (_what, entries) => {
  await expect(unpack(rawTar(entries))).rejects.toThrow(/^invalid (entry name|hardlink target)/);
});

it('a symbolic link that only its record leads out is not followed', async () => {
  const link = file({ name: 'l', type: '2', link: 'harmless', records: [['linkpath', join(base, 'outside')]] });
  await unpack(rawTar([link, file({ name: 'l/victim', data: Buffer.from('x') })])).catch((error: unknown) => {
    expect(String(error)).toMatch(/no such file|not a directory|too many levels/);
  });
});

it.each([
  ['is smaller', '3', 'abc'],
  ['is larger, up to the end of the block', '6', 'abcdef'],
])('the size of a record counts when it %s than the header says', async (_how, size, expected) => {
  await unpack(rawTar([file({ data: Buffer.from('abcdef'), records: [['size', size]] }), file({ name: 'after' })]));
  expect(readFileSync(join(target, 'f'), 'utf8')).toBe(expected);
  expect(readdirSync(target).sort()).toEqual(['after', 'f']);
});

it.each([
  ['negative', [['size', '-1']]],
  ['no number', [['size', '12x']]],
  ['beyond everything', [['size', '99999999999999999999']]],
] as [string, [string, string][]][])('a size that is %s is refused', async (_what, records) => {
  await expect(unpack(rawTar([file({ data: Buffer.from('x'), records })]))).rejects.toThrow(
    /invalid tar header|unexpected EOF|too (large|many)/,
  );
});

it.each([
  ['a length that is none', 'x path=f\n'],
  ['a length beyond the end', '999 path=f\n'],
  ['a length of nothing', '0 path=f\n'],
  ['no newline', '9 path=fgh'],
  ['no equals sign', '7 path\n\n'],
])('records with %s are refused', async (_what, records) => {
  await expect(unpack(Buffer.concat([extension('x', Buffer.from(records)), rawTar([PLAIN_FILE])]))).rejects.toThrow(
    'invalid tar header',
  );
});

it('names with a NUL are refused', async () => {
  const bad = file({ records: [['path', 'f\0../outside/victim']] });
  await expect(unpack(rawTar([bad]))).rejects.toThrow(/invalid/);
});

it('owners and times of records are taken, also those that no header can say', async () => {
  await unpack(
    rawTar([
      file({
        uid: 1,
        records: [
          ['uid', '4294967294'],
          ['gid', '3000000000'],
          ['mtime', '-1.5'],
        ],
      }),
    ]),
  );
  const { uid, gid, mtimeMs } = lstatSync(join(target, 'f'));
  expect([uid, gid, mtimeMs]).toEqual([4294967294, 3000000000, -1500]);
});

it.each(['x', 'g', 'L', 'K'])('an extension %s that would fill the memory is refused', async (type) => {
  const head = extension(type, Buffer.alloc(0));
  head.write(`${(2 ** 32).toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  head.write(' '.repeat(8), 148, 'latin1');
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  await expect(unpack(Buffer.concat([head, Buffer.alloc(8 * 1024 * 1024, 'a')]))).rejects.toThrow(
    /invalid tar header|too (long|large)/,
  );
});

it('bytes of an archive with extensions count for its digest as they are', async () => {
  const bytes = rawTar([file({ records: [['comment', 'x'.repeat(2000)]] })], { global: true });
  expect((await unpack(bytes)).diffId).toBe(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
});
