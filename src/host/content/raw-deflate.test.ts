import { createHash } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { RawDeflate } from './raw-deflate.js';

const LAST_BLOCK = Buffer.from([1, 0, 0, 0xff, 0xff]);

function pack(deflate: RawDeflate, piece: Buffer): Buffer {
  const parts: Buffer[] = [];
  deflate.deflate(piece, (bytes) => void parts.push(Buffer.from(bytes)));
  return Buffer.concat(parts);
}

/** The same at each run. */
const noise = (bytes: number): Buffer =>
  Buffer.concat(
    Array.from({ length: Math.ceil(bytes / 64) }, (_, n) => createHash('sha512').update(`${n}`).digest()),
  ).subarray(0, bytes);
const text = (bytes: number): Buffer => Buffer.alloc(bytes, 'What compresses well, and then again. ');
const PIECES: [string, Buffer][] = [
  ['nothing of a kind', Buffer.from('x')],
  ['text', text(10_000)],
  ['the same text again', text(10_000)],
  ['noise that fills the output several times', noise(1_000_000)],
  ['words', Buffer.from(noise(300_000).toString('base64'))],
  ['much text', text(1_000_000)],
  ['little, after that', Buffer.from('Something else that is short.')],
];

it('makes pieces that stand for themselves, the same of each row of them', () => {
  using one = new RawDeflate();
  using other = new RawDeflate();
  for (const [name, piece] of PIECES) {
    const packed = pack(one, piece);
    expect(packed.equals(pack(other, piece)), name).toBe(true);
    expect(inflateRawSync(Buffer.concat([packed, LAST_BLOCK])).equals(piece), name).toBe(true);
  }
});

it("does as much without what Node doesn't document", () => {
  using one = new RawDeflate();
  using documented = new RawDeflate(false);
  for (const [name, piece] of PIECES) {
    const packed = pack(documented, piece);
    expect(inflateRawSync(Buffer.concat([packed, LAST_BLOCK])).equals(piece), name).toBe(true);
    expect(Math.abs(packed.length - pack(one, piece).length), name).toBeLessThan(16);
  }
});

it('throws when it has been closed, and goes no further into zlib', () => {
  const one = new RawDeflate();
  one[Symbol.dispose]();
  expect(() => pack(one, text(100))).toThrow();
});
