import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mount, umountAll } from '../sys/mount.js';
import { lgetxattr, llistxattr } from '../sys/xattr.js';
import { tarOf, type FixtureEntry } from './testing/tar-fixture.js';
import { unpackLayer } from './unpack-layer.js';

let base: string;
let target: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'wharf-unpack-'));
  target = join(base, 'layer');
  mkdirSync(target);
  // What an escape would hit.
  mkdirSync(join(base, 'outside'));
  writeFileSync(join(base, 'outside', 'victim'), 'untouched');
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const unpack = (bytes: Buffer, options = {}): ReturnType<typeof unpackLayer> =>
  unpackLayer(Readable.from([bytes], { objectMode: false }), target, options);
const unpackEntries = (...entries: FixtureEntry[]): ReturnType<typeof unpackLayer> => unpack(tarOf(entries));
const list = (): string[] => readdirSync(target, { recursive: true, encoding: 'utf8' }).sort();
const text = (path: string): string => readFileSync(join(target, path), 'utf8');
const isWhiteout = (path: string): boolean => {
  const stat = lstatSync(join(target, path));
  return stat.isCharacterDevice() && stat.rdev === 0;
};
const opaque = (path: string): string | undefined =>
  lgetxattr(join(target, path), 'trusted.overlay.opaque')?.toString();

describe('hostile layers', () => {
  const refused: [string, FixtureEntry[], string][] = [
    ['climbing name', [{ name: '../outside/victim', data: 'x' }], 'invalid entry name "../outside/victim"'],
    ['climbing name in the middle', [{ name: 'a/../../outside/victim', data: 'x' }], 'invalid entry name'],
    ['climbing whiteout', [{ name: '../outside/.wh.victim' }], 'invalid entry name'],
    ['climbing opaque marker', [{ name: '../outside/.wh..wh..opq' }], 'invalid entry name'],
    ['whiteout of nothing', [{ name: 'a/.wh.' }], 'invalid whiteout entry "a/.wh."'],
    ['whiteout of the parent', [{ name: 'a/.wh...' }], 'invalid whiteout entry "a/.wh..."'],
    ['whiteout of the directory', [{ name: 'a/.wh..' }], 'invalid whiteout entry "a/.wh.."'],
    ['hard link outside', [{ name: 'h', type: 'hardlink', link: '../outside/victim' }], 'invalid hardlink target'],
    [
      'hard link to nothing',
      [{ name: 'h', type: 'hardlink', link: 'nope' }],
      'linkat nope h: no such file or directory',
    ],
    [
      'file as parent',
      [
        { name: 'f', data: '1' },
        { name: 'f/g', data: '2' },
      ],
      'not a directory',
    ],
  ];
  it.each(refused)('%s is refused', async (_name, entries, message) => {
    await expect(unpackEntries(...entries)).rejects.toThrow(message);
    expect(readFileSync(join(base, 'outside/victim'), 'utf8')).toBe('untouched');
    expect(readdirSync(join(base, 'outside'))).toEqual(['victim']);
  });

  it('a planted link can not lead a file, directory, device, whiteout or hard link outside', async () => {
    const outside = join(base, 'outside');
    await unpackEntries(
      { name: 'abs', type: 'symlink', link: outside },
      { name: 'rel', type: 'symlink', link: '../outside' },
      { name: 'up', type: 'symlink', link: '../../../../../..' },
      { name: 'abs/file', data: 'x' },
      { name: 'rel/file', data: 'x' },
      { name: 'rel/dir', type: 'directory' },
      { name: 'rel/fifo', type: 'fifo' },
      { name: 'rel/.wh.victim' },
      { name: 'up/top', data: 'x' },
      { name: 'up/hard', type: 'hardlink', link: 'up/top' },
    );
    expect(readdirSync(outside)).toEqual(['victim']);
    expect(readFileSync(join(outside, 'victim'), 'utf8')).toBe('untouched');
    expect(existsSync(join(base, 'top'))).toBe(false);
    expect(text('outside/file')).toBe('x');
    expect(isWhiteout('outside/victim')).toBe(true);
    expect(text(`${outside.slice(1)}/file`)).toBe('x');
    expect(lstatSync(join(target, 'hard')).ino).toBe(lstatSync(join(target, 'top')).ino);
  });

  it('a hard link through a link resolves in the layer', async () => {
    const entries: FixtureEntry[] = [
      { name: 'l', type: 'symlink', link: join(base, 'outside') },
      { name: 'h', type: 'hardlink', link: 'l/victim' },
    ];
    await expect(unpackEntries(...entries)).rejects.toThrow('no such file or directory');
    expect(existsSync(join(target, 'h'))).toBe(false);
  });

  it('a file over a link replaces the link and leaves its target', async () => {
    await unpackEntries(
      { name: 'l', type: 'symlink', link: join(base, 'outside/victim') },
      { name: 'l', data: 'mine' },
    );
    expect(text('l')).toBe('mine');
    expect(readFileSync(join(base, 'outside/victim'), 'utf8')).toBe('untouched');
  });

  it('a directory swapped for a link after it was used is not written through', async () => {
    await unpackEntries(
      { name: 'd', type: 'directory' },
      { name: 'd/one', data: '1' },
      { name: 'd', type: 'symlink', link: join(base, 'outside') },
      { name: 'd/two', data: '2' },
    );
    expect(readlinkSync(join(target, 'd'))).toBe(join(base, 'outside'));
    expect(readdirSync(join(base, 'outside'))).toEqual(['victim']);
  });

  it('directory mode and owner are not applied through a link', async () => {
    const before = lstatSync(join(base, 'outside')).mode;
    await unpackEntries(
      { name: 'd', type: 'symlink', link: join(base, 'outside') },
      { name: 'd', type: 'directory', mode: 0o777, uid: 1234 },
    );
    expect(lstatSync(join(base, 'outside')).mode).toBe(before);
    expect(lstatSync(join(target, 'd')).isDirectory()).toBe(true);
  });

  it('overlay attributes of an archive are not set', async () => {
    await unpackEntries({
      name: 'f',
      xattrs: { 'trusted.overlay.redirect': '/etc', 'user.kept': 'yes', 'user.overlay.opaque': 'y' },
    });
    expect(llistxattr(join(target, 'f'))).toEqual(['user.kept']);
  });

  it('loops of links end', async () => {
    const loop: FixtureEntry[] = [
      { name: 'a', type: 'symlink', link: 'b' },
      { name: 'b', type: 'symlink', link: 'a' },
      { name: 'a/f', data: 'x' },
    ];
    await expect(unpackEntries(...loop)).rejects.toThrow('too many levels of symbolic links');
  });
});

describe('damaged layers', () => {
  const whole = tarOf([{ name: 'f', data: 'x'.repeat(4096) }]);
  it.each([
    ['inside the header', 300],
    ['after the header', 512],
    ['inside the content', 2000],
  ])('cut %s', async (_where, length) => {
    await expect(unpack(whole.subarray(0, length))).rejects.toThrow(/^unexpected EOF$/);
  });
  it('cut gzip', async () => {
    const zipped = gzipSync(
      tarOf([{ name: 'f', data: Buffer.from(Array.from({ length: 9000 }, (_, i) => (i * i) % 251)) }]),
    );
    await expect(unpack(zipped.subarray(0, zipped.length - 20))).rejects.toThrow(/^unexpected EOF$/);
  });
  it.each([
    ['text', Buffer.from('hello world'.repeat(200))],
    ['a wrong checksum', Buffer.concat([Buffer.from('Q'), whole.subarray(1)])],
  ])('%s', async (_what, bytes) => {
    await expect(unpack(bytes)).rejects.toThrow(/^archive\/tar: invalid tar header$/);
  });
  it.each([
    ['no end mark', whole.subarray(0, 512 + 4096)],
    ['half an end mark', whole.subarray(0, 512 + 4096 + 512)],
    ['rubbish after the end', Buffer.concat([whole, Buffer.alloc(7000, 'junk')])],
  ])('%s is fine, and counts for the digest', async (_what, bytes) => {
    const { diffId, sizeBytes } = await unpack(bytes);
    expect(text('f')).toHaveLength(4096);
    expect(sizeBytes).toBe(bytes.length);
    expect(diffId).toBe(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
  });
  it('nothing at all is an empty layer', async () => {
    const { entries, diffId } = await unpack(Buffer.alloc(0));
    expect(entries).toBe(0);
    expect(diffId).toBe('sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });
  it('an unknown type', async () => {
    const bytes = Buffer.from(whole);
    // Same checksum: the type grows by what the mode's last digit shrinks (0644 → 061a needs no digit: use the name).
    bytes[156] = 'Z'.charCodeAt(0);
    const sum = bytes.subarray(0, 512).reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
    bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    await expect(unpack(bytes)).rejects.toThrow('unhandled tar header type 90');
  });
  it('another digest than expected', async () => {
    await expect(unpack(whole, { expectedDiffId: `sha256:${'0'.repeat(64)}` })).rejects.toThrow(/diff id/);
  });
  it('more than allowed', async () => {
    await expect(unpack(whole, { maxBytes: 1000 })).rejects.toThrow('larger than 1000 bytes');
  });
  it('is aborted', async () => {
    const abort = new AbortController();
    const endless = new Readable({ read: () => undefined });
    endless.push(whole.subarray(0, 600));
    const done = unpackLayer(endless, target, { signal: abort.signal });
    abort.abort(new Error('client gone'));
    endless.push(whole.subarray(600));
    endless.push(null);
    await expect(done).rejects.toThrow('client gone');
  });
  it('a source that fails', async () => {
    const source = Readable.from(
      (function* () {
        yield whole.subarray(0, 600);
        throw new Error('connection reset');
      })(),
      { objectMode: false },
    );
    await expect(unpackLayer(source, target)).rejects.toThrow('connection reset');
  });
});

describe('overlay form', () => {
  it('whiteouts become devices, opaque markers attributes', async () => {
    await unpackEntries(
      { name: 'a', type: 'directory' },
      { name: 'a/.wh..wh..opq' },
      { name: 'a/.wh.gone' },
      { name: '.wh.top' },
      { name: 'implied/.wh..wh..opq' },
    );
    expect(list()).toEqual(['a', 'a/gone', 'implied', 'top']);
    expect(['a/gone', 'top'].map(isWhiteout)).toEqual([true, true]);
    expect(['a', 'implied'].map(opaque)).toEqual(['y', 'y']);
  });

  it('what the same layer has under a whited out name stays and hides what is below', async () => {
    await unpackEntries(
      { name: 'f', data: 'kept' },
      { name: '.wh.f' },
      { name: 'd', type: 'directory' },
      { name: '.wh.d' },
      { name: '.wh.e' },
      { name: 'e', type: 'directory' },
      { name: '.wh.g' },
      { name: 'g/deep/file', data: 'x' },
      { name: '.wh.h' },
      { name: 'h', data: 'file' },
    );
    expect(text('f')).toBe('kept');
    expect(['d', 'e', 'g'].map(opaque)).toEqual(['y', 'y', 'y']);
    expect(opaque('g/deep')).toBeUndefined();
    expect(text('g/deep/file')).toBe('x');
    expect(text('h')).toBe('file');
  });

  it('aufs leftovers are dropped, links into them work', async () => {
    await unpackEntries(
      { name: '.wh..wh.plnk', type: 'directory' },
      { name: '.wh..wh.plnk/1.2', data: 'shared' },
      { name: '.wh..wh.aufs' },
      { name: 'f', type: 'hardlink', link: '.wh..wh.plnk/1.2' },
    );
    expect(list()).toEqual(['f']);
    expect(text('f')).toBe('shared');
  });

  it('later entries win over earlier ones of another kind', async () => {
    await unpackEntries(
      { name: 'x', type: 'directory' },
      { name: 'x/deep/file', data: '1' },
      { name: 'x', data: 'file' },
      { name: 'y', data: 'file' },
      { name: 'y', type: 'directory', mode: 0o700 },
      { name: 'y/in', data: '2' },
      { name: 'z', data: 'old and long' },
      { name: 'z', data: 'new' },
      { name: 'k', type: 'directory', mode: 0o700 },
      { name: 'k/in', data: '3' },
      { name: 'k', type: 'directory', mode: 0o711 },
    );
    expect(text('x')).toBe('file');
    expect(text('y/in')).toBe('2');
    expect(text('z')).toBe('new');
    expect(text('k/in')).toBe('3');
    expect(lstatSync(join(target, 'k')).mode & 0o7777).toBe(0o711);
  });
});

describe('metadata', () => {
  it('owner, mode, times, devices and capabilities come out right', async () => {
    const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
    await unpackEntries(
      { name: './', type: 'directory', mode: 0o711, mtimeNs: 5_000_000_000n },
      { name: 'd', type: 'directory', mode: 0o1777, uid: 3_000_000_000, gid: 7, mtimeNs: 1_000_000_000n },
      { name: 'd/su', data: 'x', mode: 0o6755, uid: 1000, gid: 1001, mtimeNs: -5_000_000_000n },
      { name: 'l', type: 'symlink', link: 'no/where', uid: 5, mtimeNs: 7_000_000_000n },
      { name: 'null', type: 'char', major: 1, minor: 3, mode: 0o666, uid: 9 },
      { name: 'blk', type: 'block', major: 259, minor: 300, mode: 0o660 },
      { name: 'implied/f' },
      { name: 'cap', data: 'x', uid: 12, xattrs: { 'security.capability': capability.toString('latin1') } },
      { name: 'hard', type: 'hardlink', link: '/cap' },
    );
    const stat = (path: string): string => {
      const { mode, uid, gid, mtimeNs } = lstatSync(join(target, path), { bigint: true });
      return `${(Number(mode) & 0o7777).toString(8)} ${uid}:${gid} ${mtimeNs / 1_000_000_000n}`;
    };
    expect(stat('.')).toBe('711 0:0 5');
    expect(stat('d')).toBe('1777 3000000000:7 1');
    expect(stat('d/su')).toBe('6755 1000:1001 -5');
    expect(stat('l')).toBe('777 5:0 7');
    expect(stat('null')).toBe('666 9:0 1600000000');
    expect(lstatSync(join(target, 'null')).rdev).toBe(0x103);
    expect(stat('implied').slice(0, 7)).toBe('755 0:0');
    expect(lgetxattr(join(target, 'hard'), 'security.capability')?.length).toBe(20);
  });

  it('maps owners', async () => {
    const range = [{ containerId: 0, hostId: 100_000, size: 65_536 }];
    const bytes = tarOf([{ name: 'implied/f', uid: 5, gid: 6 }]);
    await unpack(bytes, { idMap: { uids: range, gids: range } });
    const { uid, gid } = lstatSync(join(target, 'implied/f'));
    expect([uid, gid, lstatSync(join(target, 'implied')).uid]).toEqual([100_005, 100_006, 100_000]);
  });

  it('names that are no UTF-8, and very long ones', async () => {
    const long = `${'d'.repeat(200)}/${'e'.repeat(200)}/${'é'.repeat(60)}`;
    await unpackEntries({ name: long, data: 'x' }, { name: 'l', type: 'symlink', link: long });
    expect(text(long)).toBe('x');
    expect(text('l')).toBe('x');
    const raw = tarOf([{ name: 'q?', data: 'y' }]);
    raw[1] = 0xff;
    const sum = raw.subarray(0, 512).reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
    raw.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    await unpack(raw);
    expect(readdirSync(target, { encoding: 'latin1' })).toContain('q\xff');
  });
});

describe('full disk', () => {
  it('says so', async () => {
    mount('tmpfs', target, 'tmpfs', 0, 'size=256k');
    try {
      const big = tarOf([{ name: 'd/big', data: Buffer.alloc(1024 * 1024, 1) }]);
      await expect(unpack(big)).rejects.toMatchObject({
        message: 'write /d/big: no space left on device',
        code: 'ENOSPC',
      });
    } finally {
      umountAll(target);
    }
  });
});

describe('compression', () => {
  const bytes = tarOf([{ name: 'f', data: 'content '.repeat(5000) }]);
  const tool = (command: string, ...args: string[]): Buffer => execFileSync(command, args, { input: bytes });
  it.each([
    ['gzip', (): Buffer => gzipSync(bytes)],
    [
      'two gzip members',
      (): Buffer => Buffer.concat([gzipSync(bytes.subarray(0, 700)), gzipSync(bytes.subarray(700))]),
    ],
    ['gzip and zeros', (): Buffer => Buffer.concat([gzipSync(bytes), Buffer.alloc(3000)])],
    ['xz', (): Buffer => tool('xz', '-c')],
    ['bzip2', (): Buffer => tool('bzip2', '-c')],
    ['zstd', (): Buffer => tool('zstd', '-c')],
    ['two zstd frames', (): Buffer => Buffer.concat([tool('zstd', '-c'), tool('zstd', '-c', '-19')])],
  ])('%s', async (_name, compress) => {
    const packed = compress();
    const { compressedDigest, compressedSizeBytes } = await unpack(packed);
    expect(text('f')).toHaveLength(40_000);
    expect(compressedSizeBytes).toBe(packed.length);
    expect(compressedDigest).toBe(`sha256:${createHash('sha256').update(packed).digest('hex')}`);
  });
  it.each(['xz', 'bzip2', 'zstd'])('cut %s', async (command) => {
    const packed = tool(command, '-c');
    await expect(unpack(packed.subarray(0, packed.length - 9))).rejects.toThrow(/^unexpected EOF$/);
  });
});
