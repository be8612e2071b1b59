import { expect, it } from 'vitest';
import { HttpBodyDecoder } from './http-body-decoder.js';

/** The content of a chunked body that arrives in pieces of so many bytes; null when it is not complete. */
function decode(body: string, pieceBytes: number): string | null {
  const decoder = new HttpBodyDecoder(null);
  let content = '';
  for (let at = 0; at < body.length; at += pieceBytes) {
    decoder.push(Buffer.from(body.slice(at, at + pieceBytes)), (piece) => (content += piece.toString()));
  }
  return decoder.done ? content : null;
}

it.each([
  ['5\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['0000A\r\n0123456789\r\na;name=value\r\nabcdefghij\r\n0\r\n\r\n', '0123456789abcdefghij'],
  ['000000000005\r\nhello\r\n00\r\nTrailer: x\r\n\r\n', 'hello'],
  ['1\na\n1 \r\nb\r\n0\r\n\r\n', 'ab'],
])('takes the framing off %j, however it is cut', (body, content) => {
  for (let pieceBytes = 1; pieceBytes <= body.length; pieceBytes++) expect(decode(body, pieceBytes)).toBe(content);
});

it.each(['\r\n', 'x\r\n', '-1\r\n', '0x5\r\n', '1\r\nab\r\n', '1\r\na0\r\n\r\n', 'fffffffffffff\r\n'])(
  'refuses %j, however it is cut',
  (body) => {
    for (let pieceBytes = 1; pieceBytes <= body.length; pieceBytes++) {
      expect(() => decode(body, pieceBytes)).toThrow('malformed chunked encoding');
    }
  },
);

it('wants all chunks and the end', () => {
  expect(decode('5\r\nhell', 100)).toBeNull();
  expect(decode('5\r\nhello\r\n0\r\n', 100)).toBeNull();
});
