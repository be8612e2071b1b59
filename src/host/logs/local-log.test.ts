import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { formatRfc3339Nano } from '../../shared/rfc3339.js';
import type { ReadLogsOptions } from './log-reader.js';
import { readLogFiles } from './log-reader.js';

/** Written by dockerd 28.5: `hi`, and (shortened) the first and the second piece of a long line. */
const RECORDED = Buffer.from(
  '000000160a067374646f757410c9e8b4a398c5e1f5181a02686900000016' +
    '000000230a067374646572721001' +
    '1a0178' +
    '20012a1012066162636465661801' +
    '0000' +
    '0023',
  'hex',
);

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'local-'));
  path = join(dir, 'container.log');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function read(overrides: Partial<ReadLogsOptions> = {}): Promise<string> {
  const base = { driver: 'local', path, stdout: true, stderr: true, tail: 'all', timestamps: false } as const;
  const pieces: Buffer[] = [];
  for await (const piece of readLogFiles({ ...base, details: false, tty: true, follow: false, ...overrides }))
    pieces.push(piece);
  return Buffer.concat(pieces).toString('latin1');
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  for (; value >= 128n; value >>= 7n) bytes.push(Number(value & 127n) | 128);
  return [...bytes, Number(value)];
}

/** @param last null: a whole line */
function record(text: string, ns: bigint, stream = 'stdout', last: boolean | null = null): Buffer {
  const line = Buffer.from(text);
  const parts = [Buffer.from([0x0a, 6]), Buffer.from(stream), Buffer.from([0x10, ...varint(ns)])];
  if (line.length > 0) parts.push(Buffer.from([0x1a, ...varint(BigInt(line.length))]), line);
  if (last !== null) {
    const metadata = [...(last ? [0x08, 1] : []), 0x12, 2, 0x61, 0x62, 0x18, 2];
    parts.push(Buffer.from([0x20, 1, 0x2a, metadata.length, ...metadata]));
  }
  const message = Buffer.concat(parts);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  return Buffer.concat([length, message, length]);
}

const records = (from: number, to: number): Buffer =>
  Buffer.concat(Array.from({ length: to - from + 1 }, (_, i) => record(`line ${from + i}`, BigInt(from + i))));
const linesOf = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}\n`).join('');

it('reads what dockerd wrote', async () => {
  writeFileSync(path, RECORDED.subarray(0, 30));
  expect(await read({ timestamps: true })).toBe(`${formatRfc3339Nano(1795676389310805065n)} hi\n`);
  expect(await read({ tty: false })).toBe('\x01\0\0\0\0\0\0\x03hi\n');
});

it('joins the pieces of a line and ends it once', async () => {
  writeFileSync(
    path,
    Buffer.concat([
      record('a', 1n, 'stderr', false),
      record('', 1n, 'stderr', true),
      record('b', 2n),
      record('c', 3n, 'stdout', false),
    ]),
  );
  expect(await read()).toBe('a\nb\nc');
  expect(await read({ stderr: false })).toBe('b\nc');
  expect(await read({ details: true, stdout: false })).toBe(' a \n');
});

it('selects by time', async () => {
  writeFileSync(path, records(1, 30));
  expect(await read({ sinceNs: 10n, untilNs: 20n })).toBe(linesOf(10, 20));
});

it('finds the last records from the end of a file, of several, and of one that is being written', async () => {
  writeFileSync(`${path}.2.gz`, gzipSync(records(1, 20_000)));
  writeFileSync(`${path}.1`, records(20_001, 40_000));
  writeFileSync(path, records(40_001, 60_000));
  for (const tail of [1, 7000, 20_000, 20_001, 45_000]) {
    expect((await read({ tail })) === linesOf(60_001 - tail, 60_000)).toBe(true);
  }
  expect((await read()) === linesOf(1, 60_000)).toBe(true);
  writeFileSync(path, records(1, 3).subarray(0, -5));
  rmSync(`${path}.1`);
  rmSync(`${path}.2.gz`);
  expect(await read({ tail: 1 })).toBe('line 2\n');
  expect(await read({ tail: 0 })).toBe('');
});

it('ends exactly at a mark, also when the file was rotated since', async () => {
  writeFileSync(`${path}.1`, records(1, 10));
  writeFileSync(path, records(11, 20));
  const { ino } = statSync(path, { bigint: true });
  const offset = records(11, 15).length;
  expect(await read({ before: { inode: ino, offset } })).toBe(linesOf(1, 15));
  const older = statSync(`${path}.1`, { bigint: true });
  expect(await read({ before: { inode: older.ino, offset: records(1, 4).length } })).toBe(linesOf(1, 4));
});
