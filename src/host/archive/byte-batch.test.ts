import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ByteBatch } from './byte-batch.js';

describe('ByteBatch', () => {
  const sent: Buffer[] = [];
  const batch = new ByteBatch((piece) => sent.push(Buffer.from(piece)));
  beforeEach(() => {
    sent.length = 0;
    vi.useFakeTimers();
  });
  afterEach(() => {
    batch.discard();
    vi.useRealTimers();
  });

  it('joins small chunks in order, and gives each piece memory of its own', () => {
    const pieces: Uint8Array[] = [];
    const own = new ByteBatch((piece) => pieces.push(piece));
    own.add(Buffer.from('ab'));
    own.add(Buffer.from('cd'));
    own.flush();
    expect(pieces.map((piece) => Buffer.from(piece).toString())).toEqual(['abcd']);
    expect(pieces[0]?.buffer.byteLength).toBe(4);
  });

  it('sends by itself once there is enough', () => {
    const half = Buffer.alloc(64 * 1024, 1);
    batch.add(half);
    expect(sent).toEqual([]);
    batch.add(half);
    expect(sent.map(({ length }) => length)).toEqual([128 * 1024]);
  });

  it('does not hold the bytes of a source that pauses', () => {
    batch.add(Buffer.from('slow'));
    vi.runAllTimers();
    expect(sent.map(String)).toEqual(['slow']);
  });

  it('sends nothing of what was discarded', () => {
    batch.add(Buffer.from('gone'));
    batch.discard();
    vi.runAllTimers();
    batch.flush();
    expect(sent).toEqual([]);
  });
});
