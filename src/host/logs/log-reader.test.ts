import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseRfc3339Ns } from '../../shared/rfc3339.js';
import type { ReadLogsOptions } from './log-reader.js';
import { readLogFiles } from './log-reader.js';

const GOLDEN = resolve('src/host/shim/testdata/log-lines.json-log');

let dir: string;
let path: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'logs-'));
  path = join(dir, 'log');
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

const line = (n: number, stream = 'stdout', extra = ''): string =>
  `{"log":"line ${n}\\n","stream":"${stream}"${extra},"time":"2026-01-02T03:04:05.${String(n).padStart(9, '0').replace(/0+$/, '')}Z"}\n`;
const lines = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => line(from + i)).join('');
const timeOf = (n: number): bigint => parseRfc3339Ns(`2026-01-02T03:04:05.${String(n).padStart(9, '0')}Z`) ?? 0n;

function options(overrides: Partial<ReadLogsOptions> = {}): ReadLogsOptions {
  const base = {
    driver: 'json-file',
    path,
    stdout: true,
    stderr: true,
    tail: 'all',
    timestamps: false,
    details: false,
    tty: true,
    follow: false,
  };
  return { ...base, ...overrides } as ReadLogsOptions;
}

async function read(overrides: Partial<ReadLogsOptions> = {}): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of readLogFiles(options(overrides))) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

/** What the shim makes of a rotated file: the header's comment says which one it was. */
function compress(from: string, to: string): void {
  const { ino, mtimeNs } = statSync(from, { bigint: true });
  const comment = `${ino} ${mtimeNs / 1_000_000_000n}.${String(mtimeNs % 1_000_000_000n).padStart(9, '0')}\0`;
  const plain = gzipSync(readFileSync(from));
  const header = Buffer.from(plain.subarray(0, 10));
  header[3] = 16;
  writeFileSync(to, Buffer.concat([header, Buffer.from(comment), plain.subarray(10)]));
  unlinkSync(from);
}

const numbers = (text: string): number[] => [...text.matchAll(/line (\d+)\n/g)].map((match) => Number(match[1]));
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** A reader that goes on in the background. */
function following(overrides: Partial<ReadLogsOptions> = {}): {
  seen: () => string;
  done: Promise<void>;
  end: () => void;
} {
  let text = '';
  let end!: () => void;
  const ended = new Promise<void>((resolvePromise) => (end = resolvePromise));
  const run = async (): Promise<void> => {
    for await (const piece of readLogFiles(options({ follow: true, ended, ...overrides }))) text += piece.toString();
  };
  return { seen: () => text, done: run(), end };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`never: ${condition.toString()}`);
    await new Promise((next) => setTimeout(next, 5));
  }
}

describe('what a record becomes', () => {
  it('decodes what dockerd wrote, byte for byte as JSON.parse does', async () => {
    const golden = readFileSync(GOLDEN, 'utf8');
    const expected = golden
      .split('\n')
      .filter(Boolean)
      .map((text) => (JSON.parse(text) as { log: string }).log);
    writeFileSync(path, golden);
    expect(await read()).toBe(expected.join(''));
  });

  it('decodes every escape, surrogate pairs and lone surrogates too', async () => {
    const text = String.raw`\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00\ud83dx\ude00`;
    writeFileSync(path, `{"log":"${text}","stream":"stdout","time":"2026-01-02T03:04:05Z"}\n`);
    expect(await read()).toBe('"\\/\b\f\n\r\tA\u00e9\u20ac\u{1f600}\ufffdx\ufffd');
  });

  it('decodes any byte anywhere, and times of any width', async () => {
    const texts: string[] = [];
    for (let size = 0; size <= 9; size++) {
      for (let at = 0; at < Math.max(size, 1); at++) {
        for (const code of [0, 9, 10, 31, 32, 33, 34, 35, 91, 92, 93, 126, 127, 128, 255, 0x20ac, 0x1f600]) {
          texts.push(`${'x'.repeat(at)}${size > 0 ? String.fromCodePoint(code) : ''}${'é"\\y'.repeat(size - at)}`);
        }
      }
    }
    const fraction = (index: number): string => '123456789'.slice(0, index % 10);
    const time = (index: number): string => `2026-01-02T03:04:05${index % 10 > 0 ? '.' : ''}${fraction(index)}Z`;
    const log = texts.map((text, index) => JSON.stringify({ log: text, stream: 'stdout', time: time(index) }));
    writeFileSync(path, log.map((text) => `${text}\n`).join(''));
    expect(await read()).toBe(texts.join(''));
    const stamped = await read({ timestamps: true });
    expect(stamped).toBe(texts.map((text, i) => `2026-01-02T03:04:05.${fraction(i).padEnd(9, '0')}Z ${text}`).join(''));
  });

  it('leaves out what is no record, and goes on with the next line', async () => {
    const whole = line(1).trimEnd();
    const broken = Array.from({ length: whole.length }, (_, at) => `${whole.slice(0, at)}\n`);
    writeFileSync(path, broken.join('') + line(2));
    expect(await read()).toBe('line 2\n');
  });

  it('frames each record of a container without a terminal', async () => {
    writeFileSync(path, line(1) + line(2, 'stderr'));
    const frames = Buffer.from(await read({ tty: false }));
    expect(frames).toEqual(Buffer.from('\x01\0\0\0\0\0\0\x07line 1\n\x02\0\0\0\0\0\0\x07line 2\n'));
    expect(numbers(await read({ stdout: false }))).toEqual([2]);
    expect(numbers(await read({ stderr: false }))).toEqual([1]);
  });

  it('pads times, and puts attributes after them', async () => {
    writeFileSync(path, line(120_000_000) + line(7, 'stdout', ',"attrs":{"b":"x","a":"y z<"}'));
    expect(await read({ timestamps: true, details: true })).toBe(
      '2026-01-02T03:04:05.120000000Z  line 120000000\n2026-01-02T03:04:05.000000007Z a=y+z%3C,b=x line 7\n',
    );
    expect(await read({ timestamps: true, tty: false, tail: 1 })).toBe(
      '\x01\0\0\0\0\0\0\x262026-01-02T03:04:05.000000007Z line 7\n',
    );
  });

  it('leaves out what is no record, and takes a last line without a newline if it is whole', async () => {
    writeFileSync(path, `garbage\n${line(1)}\0\0\0\n{"log":"cut\n[]\n{"log":1}\n${line(2)}`);
    appendFileSync(path, line(3).trimEnd());
    expect(numbers(await read())).toEqual([1, 2, 3]);
    appendFileSync(path, `\n${line(4).slice(0, 20)}`);
    expect(numbers(await read())).toEqual([1, 2, 3]);
  });

  it('copes with records in another order, with spaces, and longer than a read', async () => {
    const long = 'y'.repeat(1_000_000);
    writeFileSync(path, `{ "time": "2026-01-02T03:04:05Z", "stream": "stderr", "log": "odd\\n" }\n`);
    appendFileSync(path, `{"log":"${long}","stream":"stdout","time":"2026-01-02T03:04:05Z"}\n${line(1)}`);
    expect((await read({ timestamps: true })).length).toBe('odd\nline 1\n'.length + long.length + 3 * 31);
  });
});

describe('what is selected', () => {
  it('by time, both ends included', async () => {
    writeFileSync(path, lines(1, 30));
    expect(numbers(await read({ sinceNs: timeOf(10), untilNs: timeOf(20) }))).toEqual(range(10, 20));
    expect(numbers(await read({ sinceNs: timeOf(31) }))).toEqual([]);
    expect(numbers(await read({ untilNs: 0n }))).toEqual([]);
  });

  it('by number, across rotated and compressed files, before the streams are told apart', async () => {
    writeFileSync(`${path}.2.gz`, gzipSync(lines(1, 10)));
    writeFileSync(`${path}.1`, lines(11, 20));
    writeFileSync(path, lines(21, 30));
    expect(numbers(await read())).toEqual(range(1, 30));
    for (const tail of [1, 9, 10, 11, 20, 25, 30, 100]) {
      expect(numbers(await read({ tail }))).toEqual(range(Math.max(1, 31 - tail), 30));
    }
    expect(await read({ tail: 0 })).toBe('');
    appendFileSync(path, line(31, 'stderr'));
    expect(numbers(await read({ tail: 2, stderr: false }))).toEqual([30]);
  });

  it('finds the end of a large file without reading it all, whatever lies on the edges of its blocks', async () => {
    writeFileSync(path, lines(100_000, 110_000));
    for (const tail of [1, 700, 701, 702, 5000]) expect(numbers(await read({ tail })).at(0)).toBe(110_001 - tail);
    expect(numbers(await read())).toEqual(range(100_000, 110_000));
  });

  it('what is intact of a compressed file that was cut off', async () => {
    const whole = gzipSync(lines(1, 5000));
    writeFileSync(`${path}.1.gz`, whole.subarray(0, whole.length - 2000));
    writeFileSync(path, line(6000));
    const seen = numbers(await read());
    expect(seen.at(0)).toBe(1);
    expect(seen.at(-1)).toBe(6000);
    expect(seen.length).toBeGreaterThan(1);
  });

  it('nothing, where there is no log', async () => {
    expect(await read()).toBe('');
    writeFileSync(path, '');
    expect(await read({ tail: 5 })).toBe('');
  });
});

describe('following', () => {
  it('delivers what is written, also in halves, and ends when the writer has', async () => {
    writeFileSync(path, lines(1, 3));
    const reader = following({ tail: 1 });
    await until(() => numbers(reader.seen()).length === 1);
    appendFileSync(path, line(4).slice(0, 30));
    appendFileSync(path, line(4).slice(30));
    await until(() => numbers(reader.seen()).length === 2);
    appendFileSync(path, line(5));
    reader.end();
    await reader.done;
    expect(numbers(reader.seen())).toEqual([3, 4, 5]);
  });

  it('goes through rotation, even several at once, plain and compressed', async () => {
    writeFileSync(path, lines(1, 3));
    const reader = following();
    await until(() => numbers(reader.seen()).length === 3);
    appendFileSync(path, line(4));
    renameSync(path, `${path}.2`);
    writeFileSync(`${path}.1`, lines(5, 6));
    writeFileSync(path, line(7));
    await until(() => numbers(reader.seen()).length === 7);
    // as the shim compresses: the file that was read is path.2.gz now, with others of the same time after it
    unlinkSync(`${path}.2`);
    unlinkSync(`${path}.1`);
    compress(path, `${path}.2.gz`);
    writeFileSync(`${path}.1`, lines(8, 9));
    compress(`${path}.1`, `${path}.1.gz`);
    writeFileSync(path, line(10));
    await until(() => numbers(reader.seen()).length >= 10);
    reader.end();
    await reader.done;
    expect(numbers(reader.seen())).toEqual(range(1, 10));
  });

  it('begins again when the file is truncated', async () => {
    writeFileSync(path, lines(1, 3));
    const reader = following();
    await until(() => numbers(reader.seen()).length === 3);
    truncateSync(path, 0);
    appendFileSync(path, line(4));
    await until(() => numbers(reader.seen()).length === 4);
    reader.end();
    await reader.done;
    expect(numbers(reader.seen())).toEqual(range(1, 4));
  });

  it('waits for a log that is not there yet, and takes only what is new with a tail of 0', async () => {
    const late = following();
    writeFileSync(path, line(1));
    await until(() => numbers(late.seen()).length === 1);
    const fresh = following({ tail: 0 });
    await new Promise((next) => setImmediate(next));
    await until(() => {
      appendFileSync(path, line(2));
      return numbers(fresh.seen()).length > 0;
    });
    late.end();
    fresh.end();
    await Promise.all([late.done, fresh.done]);
    expect(new Set(numbers(fresh.seen()))).toEqual(new Set([2]));
  });

  it('ends at once when aborted, and after the time asked for', async () => {
    writeFileSync(path, lines(1, 3));
    const abort = new AbortController();
    const reader = following({ signal: abort.signal });
    await until(() => numbers(reader.seen()).length === 3);
    abort.abort();
    await reader.done;
    const bounded = following({ untilNs: timeOf(3) });
    await until(() => numbers(bounded.seen()).length === 3);
    appendFileSync(path, line(4));
    await bounded.done;
    expect(numbers(bounded.seen())).toEqual([1, 2, 3]);
  });
});
