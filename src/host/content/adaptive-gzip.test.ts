import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { AdaptiveGzip } from './adaptive-gzip.js';

function compress(data: Buffer, pieceBytes = 1024 * 1024): Buffer {
  using gzip = new AdaptiveGzip();
  const pieces = [gzip.start()];
  const write = (bytes: Buffer): void => void pieces.push(Buffer.from(bytes));
  for (let at = 0; at < data.length; at += pieceBytes) gzip.push(data.subarray(at, at + pieceBytes), write);
  return Buffer.concat([...pieces, gzip.end()]);
}

const text = (bytes: number): Buffer => Buffer.alloc(bytes, 'What compresses well, and then again. ');
const mixed = (parts: number): Buffer =>
  Buffer.concat(Array.from({ length: parts }, (_, part) => [randomBytes(10_000 + part), text(10_240)]).flat());

it.each([
  ['nothing', Buffer.alloc(0)],
  ['a byte', Buffer.from('x')],
  ['less than a grain', text(1000)],
  ['noise less than a run', randomBytes(4095)],
  ['noise of the length of a stored block', randomBytes(65_536)],
  ['much noise', randomBytes(3_000_001)],
  ['text', text(3_000_001)],
  ['zeros', Buffer.alloc(2_000_000)],
  ['both in turn', mixed(200)],
  ['noise between zeros', Buffer.concat([Buffer.alloc(70_000), randomBytes(200_000), Buffer.alloc(5)])],
])('gives %s back', (_, data) => {
  for (const pieceBytes of [1024 * 1024, 65_000, 5000]) {
    const packed = compress(data, pieceBytes);
    expect(gunzipSync(packed).equals(data)).toBe(true);
    expect(compress(data, pieceBytes).equals(packed)).toBe(true);
  }
  expect(execFileSync('gzip', ['-dc'], { input: compress(data), maxBuffer: 2 ** 24 }).equals(data)).toBe(true);
});

it('compresses what can be compressed, and makes nothing larger by more than a trace', () => {
  const noise = randomBytes(1_000_000);
  expect(compress(noise).length).toBeLessThan(noise.length * 1.001);
  expect(compress(text(1_000_000)).length).toBeLessThan(10_000);
  const both = mixed(100);
  expect(compress(both).length).toBeLessThan(gzipSync(both).length * 1.01);
  const base64 = Buffer.from(noise.toString('base64'));
  expect(compress(base64).length).toBeLessThan(base64.length * 0.77);
});
