import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readLogFiles } from './log-reader.js';

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'joined-'));
  path = join(dir, 'log');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

interface Frame {
  readonly stream: number;
  readonly text: string;
}

async function readFrames(joined: boolean, extra: { timestamps?: boolean; details?: boolean } = {}): Promise<Frame[]> {
  const pieces: Buffer[] = [];
  const rest = { tail: 'all', follow: false, timestamps: false, details: false, ...extra } as const;
  const options = { driver: 'json-file', path, stdout: true, stderr: true, tty: false, joined, ...rest } as const;
  for await (const piece of readLogFiles(options)) pieces.push(piece);
  const all = Buffer.concat(pieces);
  const frames: Frame[] = [];
  for (let at = 0; at < all.length;) {
    const end = at + 8 + all.readUInt32BE(at + 4);
    frames.push({ stream: all[at] ?? -1, text: all.toString('latin1', at + 8, end) });
    at = end;
  }
  return frames;
}

/** The texts of neighbours of one stream in one. */
function runs(frames: readonly Frame[]): Frame[] {
  const result: Frame[] = [];
  for (const frame of frames) {
    const last = result.at(-1);
    if (last?.stream === frame.stream) result[result.length - 1] = { ...last, text: last.text + frame.text };
    else result.push(frame);
  }
  return result;
}

const record = (stream: string, log: string): string =>
  `${JSON.stringify({ log, stream, time: '2026-01-02T03:04:05.000000007Z' })}\n`;

describe('joined frames', () => {
  it('hold the lines of one stream that follow each other', async () => {
    writeFileSync(path, ['1\n', '2\n', '3\n'].map((text) => record('stdout', text)).join('') + record('stderr', 'x\n'));
    expect(await readFrames(true)).toEqual([
      { stream: 1, text: '1\n2\n3\n' },
      { stream: 2, text: 'x\n' },
    ]);
    expect(await readFrames(false)).toHaveLength(4);
  });

  it.each([{}, { timestamps: true }, { details: true }, { timestamps: true, details: true }])(
    'say the same as a frame for each line, in the same order (%o)',
    async (extra) => {
      let seed = 7;
      const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
      const sizes = [1, 2, 30, 100, 5000, 16_384];
      const log = Array.from({ length: 3000 }, (_, index) => {
        const stream = random(5) === 0 ? 'stderr' : 'stdout';
        const size = sizes[random(100) < 97 ? random(4) : random(6)] ?? 1;
        return record(stream, `${index} ${'"'.repeat(random(3))}${'x'.repeat(size)}\n`);
      });
      writeFileSync(path, log.join(''));
      const [joined, single] = [await readFrames(true, extra), await readFrames(false, extra)];
      expect(runs(joined)).toEqual(runs(single));
      expect(joined.length).toBeLessThan(single.length / 2);
      const longest = Math.max(...single.map(({ text }) => text.length));
      expect(Math.max(...joined.map(({ text }) => text.length))).toBeLessThanOrEqual(Math.max(16_384, longest));
    },
  );

  it('are the same for the driver local', async () => {
    const message = (text: string): Buffer => {
      const line = Buffer.from(text);
      const body = Buffer.concat([
        Buffer.from([0x0a, 6]),
        Buffer.from('stdout'),
        Buffer.from([0x1a, line.length]),
        line,
      ]);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(body.length);
      return Buffer.concat([length, body, length]);
    };
    writeFileSync(path, Buffer.concat(['a', 'b', 'c'].map(message)));
    const pieces: Buffer[] = [];
    const rest = { tail: 'all', follow: false, timestamps: false, details: false, stdout: true, stderr: true } as const;
    for await (const piece of readLogFiles({ driver: 'local', path, tty: false, joined: true, ...rest }))
      pieces.push(piece);
    expect(Buffer.concat(pieces).toString('latin1')).toBe('\x01\0\0\0\0\0\0\x06a\nb\nc\n');
  });
});
