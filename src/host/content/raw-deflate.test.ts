import { randomBytes } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { RawDeflate } from './raw-deflate.js';

const LAST_BLOCK = Buffer.from([1, 0, 0, 0xff, 0xff]);

function pack(deflate: RawDeflate, piece: Buffer): Buffer {
  const parts: Buffer[] = [];
  deflate.deflate(piece, (bytes) => void parts.push(Buffer.from(bytes)));
  return Buffer.concat(parts);
}

const text = (bytes: number): Buffer => Buffer.alloc(bytes, 'What compresses well, and then again. ');
const PIECES: [string, Buffer][] = [
  ['nothing of a kind', Buffer.from('x')],
  ['text', text(10_000)],
  ['the same text again', text(10_000)],
  ['noise that fills the output several times', randomBytes(1_000_000)],
  ['words', Buffer.from(randomBytes(300_000).toString('base64'))],
  ['much text', text(1_000_000)],
];

it('makes of each piece the same bytes, whatever came before it', () => {
  using one = new RawDeflate();
  for (const [name, piece] of PIECES) {
    using fresh = new RawDeflate();
    const packed = pack(one, piece);
    expect(packed.equals(pack(fresh, piece)), name).toBe(true);
    expect(inflateRawSync(Buffer.concat([packed, LAST_BLOCK])).equals(piece), name).toBe(true);
  }
});

it("makes the same bytes without what Node doesn't document", () => {
  using one = new RawDeflate();
  using documented = new RawDeflate(false);
  for (const [name, piece] of PIECES) expect(pack(one, piece).equals(pack(documented, piece)), name).toBe(true);
});
