import { createGzip } from 'node:zlib';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tarOf } from './testing/tar-fixture.js';
import { unpackLayer } from './unpack-layer.js';

let base: string;

beforeEach(() => {
  // In memory: a hundred thousand files take a busy disk minutes.
  base = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'wharf-bounds-'));
  mkdirSync(join(base, 'layer'));
});

afterEach(() => rmSync(base, { recursive: true, force: true }), 120_000);

const MiB = 1024 * 1024;

/** Unpacks a stream and says by how much the memory of this process had grown at its largest. */
async function growthMiB(source: Readable): Promise<number> {
  const layer = join(base, 'layer');
  const before = process.memoryUsage.rss();
  let largest = before;
  const timer = setInterval(() => (largest = Math.max(largest, process.memoryUsage.rss())), 20);
  try {
    await unpackLayer(source, layer);
  } finally {
    clearInterval(timer);
  }
  return (largest - before) / MiB;
}

describe('memory stays bounded', () => {
  it('with a hundred thousand tiny files', { timeout: 300_000 }, async () => {
    const end = Buffer.alloc(1024);
    function* archive(): Generator<Buffer> {
      for (let index = 0; index < 100; index++) {
        const files = Array.from({ length: 1000 }, (_, file) => ({ name: `d${index}/f${file}`, data: 'x' }));
        yield tarOf(files, Buffer.alloc(0));
      }
      yield end;
    }
    expect(await growthMiB(Readable.from(archive(), { objectMode: false }))).toBeLessThan(200);
    expect(readdirSync(join(base, 'layer'))).toHaveLength(100);
    expect(readdirSync(join(base, 'layer/d99'))).toHaveLength(1000);
  });

  it('with an archive that inflates a thousandfold', { timeout: 300_000 }, async () => {
    const sizeBytes = 512 * MiB;
    const zeros = Buffer.alloc(4 * MiB);
    function* bomb(): Generator<Buffer> {
      const header = Buffer.from(tarOf([{ name: 'zeros', data: Buffer.alloc(1) }], Buffer.alloc(0)).subarray(0, 512));
      header.write(`${sizeBytes.toString(8).padStart(11, '0')}\0`, 124);
      header.write('        ', 148);
      const sum = header.reduce((total, byte) => total + byte, 0);
      header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
      yield header;
      for (let at = 0; at < sizeBytes; at += zeros.length) yield zeros;
      yield Buffer.alloc(1024);
    }
    const chunks: Buffer[] = [];
    await pipeline(Readable.from(bomb(), { objectMode: false }), createGzip({ level: 1 }), async (packed) => {
      for await (const chunk of packed) chunks.push(chunk as Buffer);
    });
    expect(Buffer.concat(chunks).length).toBeLessThan(8 * MiB);
    expect(await growthMiB(Readable.from(chunks, { objectMode: false }))).toBeLessThan(200);
    expect(statSync(join(base, 'layer/zeros')).size).toBe(sizeBytes);
  });

  it('with trailing data behind the end, which counts for the digest and is ignored otherwise', async () => {
    const archive = Buffer.concat([tarOf([{ name: 'f', data: 'x' }]), Buffer.alloc(3 * MiB, 'trailing')]);
    const layer = await unpackLayer(Readable.from([archive], { objectMode: false }), join(base, 'layer'));
    expect(layer).toMatchObject({ sizeBytes: archive.length, entries: 1 });
    expect(layer.diffId).toBe(`sha256:${createHash('sha256').update(archive).digest('hex')}`);
    expect(readdirSync(join(base, 'layer'))).toEqual(['f']);
  });
});

describe('names', () => {
  it('that differ in case only are different files', async () => {
    const archive = tarOf([
      { name: 'File', data: 'upper' },
      { name: 'file', data: 'lower' },
      { name: 'DIR/x', data: '1' },
      { name: 'dir', type: 'symlink', link: '/etc' },
      { name: 'Dir/x', data: '2' },
    ]);
    await unpackLayer(Readable.from([archive], { objectMode: false }), join(base, 'layer'));
    expect(readdirSync(join(base, 'layer')).sort()).toEqual(['DIR', 'Dir', 'File', 'dir', 'file']);
    expect(readdirSync(join(base, 'layer/DIR'))).toEqual(['x']);
  });
});
