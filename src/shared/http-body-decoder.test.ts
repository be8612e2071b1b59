import { expect, it } from 'vitest';
import { HttpBodyDecoder } from './http-body-decoder.js';

const BODY = Buffer.from('hello, chunked world');
const CHUNKED = Buffer.from(
  '5\r\nhello\r\n2;ext=1\r\n, \r\nD\r\nchunked world\r\n0\r\nTrailer: x\r\n\r\nGET / HTTP/1.1',
);

function decode(decoder: HttpBodyDecoder, data: Buffer, pieceBytes: number): string {
  const pieces: Buffer[] = [];
  for (let at = 0; at < data.length; at += pieceBytes) {
    decoder.push(data.subarray(at, at + pieceBytes), (piece) => pieces.push(piece));
  }
  return Buffer.concat(pieces).toString();
}

it.each([1, 2, 3, 7, 1000])('decodes chunks that arrive in pieces of %i', (pieceBytes) => {
  const decoder = new HttpBodyDecoder(null);
  expect(decode(decoder, CHUNKED, pieceBytes)).toBe(BODY.toString());
  expect(decoder.done).toBe(true);
});

it('counts an announced length, and ignores what follows', () => {
  const decoder = new HttpBodyDecoder(5);
  expect(decode(decoder, Buffer.from('hel'), 2)).toBe('hel');
  expect(decoder.done).toBe(false);
  expect(decode(decoder, Buffer.from('loGET /'), 100)).toBe('lo');
  expect(decoder.done).toBe(true);
  expect(new HttpBodyDecoder(0).done).toBe(true);
});

it.each(['x\r\n', '5\r\nhelloo\r\n', '-1\r\n', '\r\n', `${'1'.repeat(13)}\r\n`, 'a'.repeat(5000)])(
  'refuses %s',
  (text) => {
    expect(() => decode(new HttpBodyDecoder(null), Buffer.from(text), 3)).toThrow('malformed chunked encoding');
  },
);
