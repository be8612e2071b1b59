import { describe, expect, it } from 'vitest';
import { randomHex } from './random-hex.js';

describe('randomHex', () => {
  it('gives the digits asked for, never the same', () => {
    const all = Array.from({ length: 500 }, () => randomHex(32));
    expect(new Set(all).size).toBe(500);
    for (const one of all) expect(one).toMatch(/^[0-9a-f]{64}$/);
    expect(randomHex(4)).toHaveLength(8);
    expect(() => randomHex(5000)).toThrow(RangeError);
  });
});
