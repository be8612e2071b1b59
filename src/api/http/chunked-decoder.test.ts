import { describe, expect, it } from 'vitest';
import { ChunkedDecoder } from './chunked-decoder.js';

const WIRE = '5;ext=1\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\nrest';

describe('chunked bodies on a detached connection', () => {
  it('are found at any split of the bytes', () => {
    for (let cut = 0; cut < WIRE.length - 'rest'.length; cut++) {
      const decoder = new ChunkedDecoder(100);
      expect(decoder.push(Buffer.from(WIRE.slice(0, cut)))).toBe(false);
      expect(decoder.push(Buffer.from(WIRE.slice(cut)))).toBe(true);
      expect(decoder.body().toString()).toBe('hello!');
      expect(decoder.rest.toString()).toBe('rest');
    }
  });

  it('are refused when malformed or too large', () => {
    for (const wire of ['x\r\n', '-1\r\n', 'ffffffffff\r\n', '65\r\n', 'a'.repeat(5000)]) {
      expect(() => new ChunkedDecoder(100).push(Buffer.from(wire))).toThrow(/malformed|too large/);
    }
  });
});
