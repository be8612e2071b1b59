import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DetachScanner, parseDetachKeys } from './detach-keys.js';

describe('parseDetachKeys', () => {
  it.each([
    ['', [16, 17]],
    ['ctrl-p,ctrl-q', [16, 17]],
    ['ctrl-@,a', [0, 97]],
    ['ctrl-\\,ctrl-_', [28, 31]],
    ['D,E,T', [68, 69, 84]],
  ])('%s', (text, bytes) => {
    expect([...parseDetachKeys(text)]).toEqual(bytes);
  });

  it.each(['foo', 'ctrl-1', 'ctrl-', 'a,,b', 'ctrl-p,ctrl-pp'])('refuses %s', (text) => {
    expect(() => parseDetachKeys(text)).toThrow(`Invalid detach keys (${text}) provided`);
  });
});

describe('DetachScanner', () => {
  const keys = parseDetachKeys('');
  const feed = (chunks: Buffer[]): { out: Buffer; detached: boolean } => {
    const scanner = new DetachScanner(keys);
    const out: Buffer[] = [];
    for (const chunk of chunks) {
      const { forward, detached } = scanner.push(chunk);
      out.push(forward);
      if (detached) return { out: Buffer.concat(out), detached };
    }
    return { out: Buffer.concat(out), detached: false };
  };

  it('finds the sequence across chunks and swallows it', () => {
    expect(feed([Buffer.from('ab\x10'), Buffer.from('\x11cd')])).toEqual({ out: Buffer.from('ab'), detached: true });
  });

  it('passes on a beginning that is not followed by the rest', () => {
    expect(feed([Buffer.from('\x10'), Buffer.from('x\x10\x10'), Buffer.from('y')]).out.toString()).toBe(
      '\x10x\x10\x10y',
    );
  });

  it('loses and adds nothing, however the bytes are cut', () => {
    const bytes = fc.array(fc.constantFrom(16, 17, 65), { maxLength: 30 });
    fc.assert(
      fc.property(bytes, fc.nat(5), (all, size) => {
        const input = Buffer.from(all);
        const chunks: Buffer[] = [];
        for (let i = 0; i < input.length; i += size + 1) chunks.push(input.subarray(i, i + size + 1));
        const { out, detached } = feed(chunks);
        const at = input.indexOf(keys);
        expect(detached).toBe(at >= 0);
        const whole = at >= 0 ? input.subarray(0, at) : input;
        const held = whole.at(-1) === 16 && at < 0 ? whole.subarray(0, -1) : whole;
        expect(out).toEqual(held);
      }),
    );
  });
});
