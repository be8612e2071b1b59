import { formatDetails, parseLogRecord } from './log-record.js';
import type { LogRecord } from './log-record.js';
import { LogTimeBound, PADDED_TIME_BYTES, writePaddedTime } from './log-time.js';
import { unescapeJson } from './unescape-json.js';

export interface RecordFormat {
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Records before are left out. */
  readonly sinceNs?: bigint | null;
  /** The first record after it ends the log. */
  readonly untilNs?: bigint | null;
  /** Each record begins with its time. */
  readonly timestamps: boolean;
  /** Each record begins with its attributes. */
  readonly details: boolean;
  /** Whether the container has a terminal: raw bytes instead of Docker's frames. */
  readonly tty: boolean;
}

const FRAME_HEADER_BYTES = 8;
const STDOUT = 1;
const STDERR = 2;
const NEWLINE = 0x0a;
const SPACE = 0x20;
const LOWER_E = 0x65;
const LOWER_O = 0x6f;

const HEAD = Buffer.from('{"log":"');
/** What follows the text of a record without attributes; only where the stream's name is it can differ. */
const MIDDLE = Buffer.from('","stream":"stdout","time":"');
const STREAM_LETTER = MIDDLE.indexOf('out"');
const END = [0x22, 0x7d, NEWLINE] as const;
/** `2006-01-02T15:04:05Z` and up to ten bytes of fraction. */
const TIME_MIN_BYTES = 20;

/**
 * Turns the lines of a json-file log into what a client of the logs endpoint reads. Lines as dockerd and the shim write
 * them go through one pass over the bytes; any other line is parsed, and left out if it is no record.
 */
export class RecordEncoder {
  private readonly since: LogTimeBound | null;
  private readonly until: LogTimeBound | null;
  private readonly headerBytes: number;
  private readonly prefixBytes: number;
  private target = Buffer.alloc(0);
  private length = 0;
  private full: Buffer[] = [];
  private ended = false;

  constructor(private readonly format: RecordFormat) {
    this.since = bound(format.sinceNs);
    this.until = bound(format.untilNs);
    this.headerBytes = format.tty ? 0 : FRAME_HEADER_BYTES;
    this.prefixBytes = this.headerBytes + (format.timestamps ? PADDED_TIME_BYTES + 1 : 0);
  }

  /** Whether a record after `untilNs` was seen: nothing more comes. */
  get finished(): boolean {
    return this.ended;
  }

  /** Encodes the whole lines in `source[start, end)`; the byte before `end` is a newline. The buffers are the caller's. */
  encode(source: Buffer, start: number, end: number): Buffer[] {
    // a record is never longer in the output than in the log, except for details, which make room for themselves
    this.target = Buffer.allocUnsafe(end - start);
    this.length = 0;
    this.full = [];
    for (let at = start; at < end && !this.ended;) {
      const next = this.format.details ? -1 : this.encodeFast(source, at);
      at = next >= 0 ? next : this.encodeSlowly(source, at, end);
    }
    this.flush();
    const { full } = this;
    this.full = [];
    return full;
  }

  private flush(): void {
    if (this.length > 0) this.full.push(this.target.subarray(0, this.length));
    this.target = this.target.subarray(this.length);
    this.length = 0;
  }

  /** Returns where the next line begins, or -1 if this one is not as expected. */
  private encodeFast(source: Buffer, at: number): number {
    const { target } = this;
    for (let i = 0; i < HEAD.length; i++) if (source[at + i] !== HEAD[i]) return -1;
    const from = this.length + this.prefixBytes;
    const result = unescapeJson(source, at + HEAD.length, target, from);
    if (result.quoteAt < 0) return -1;
    const to = result.writtenTo;
    const letter = source[result.quoteAt + STREAM_LETTER];
    const timeAt = matchMiddle(source, result.quoteAt);
    if (timeAt < 0) return -1;
    let timeEnd = timeAt + TIME_MIN_BYTES;
    while (source[timeEnd] !== END[0]) {
      if (source[timeEnd] === NEWLINE || timeEnd - timeAt > PADDED_TIME_BYTES) return -1;
      timeEnd++;
    }
    if (source[timeEnd + 1] !== END[1] || source[timeEnd + 2] !== END[2]) return -1;
    const stream = letter === LOWER_E ? STDERR : STDOUT;
    if (this.admits(stream, source, timeAt, timeEnd)) {
      this.writePrefix(stream, to - from, source, timeAt, timeEnd);
      this.length = to;
    }
    return timeEnd + END.length;
  }

  private admits(stream: number, source: Buffer, timeAt: number, timeEnd: number): boolean {
    if (this.until && this.until.compare(source, timeAt, timeEnd) > 0) {
      this.ended = true;
      return false;
    }
    if (!(stream === STDOUT ? this.format.stdout : this.format.stderr)) return false;
    return !this.since || this.since.compare(source, timeAt, timeEnd) >= 0;
  }

  private writePrefix(stream: number, textBytes: number, source: Buffer, timeAt: number, timeEnd: number): void {
    const { target, length } = this;
    if (this.headerBytes > 0) {
      target[length] = stream;
      target[length + 1] = target[length + 2] = target[length + 3] = 0;
      const payloadBytes = textBytes + this.prefixBytes - this.headerBytes;
      target[length + 4] = payloadBytes >>> 24;
      target[length + 5] = payloadBytes >>> 16;
      target[length + 6] = payloadBytes >>> 8;
      target[length + 7] = payloadBytes;
    }
    if (!this.format.timestamps) return;
    const at = length + this.headerBytes;
    writePaddedTime(target, at, source, timeAt, timeEnd);
    target[at + PADDED_TIME_BYTES] = SPACE;
  }

  private encodeSlowly(source: Buffer, at: number, end: number): number {
    const lineEnd = source.indexOf(NEWLINE, at);
    const record = parseLogRecord(source.toString('utf8', at, lineEnd));
    if (record) this.encodeRecord(record, end - lineEnd - 1);
    return lineEnd + 1;
  }

  /** @param followingBytes of lines that come after it, for which room must remain */
  private encodeRecord(record: LogRecord, followingBytes: number): void {
    const time = Buffer.from(record.time);
    const stream = record.stream === 'stderr' ? STDERR : STDOUT;
    if (!this.admits(stream, time, 0, time.length)) return;
    const text = Buffer.from(this.format.details ? `${formatDetails(record.attrs)} ${record.log}` : record.log);
    const bytes = this.prefixBytes + text.length;
    if (this.target.length - this.length < bytes + followingBytes) {
      this.flush();
      this.target = Buffer.allocUnsafe(bytes + followingBytes);
    }
    this.writePrefix(stream, text.length, time, 0, time.length);
    text.copy(this.target, this.length + this.prefixBytes);
    this.length += bytes;
  }
}

const bound = (ns: bigint | null | undefined): LogTimeBound | null =>
  ns === null || ns === undefined ? null : new LogTimeBound(ns);

/** Where the time begins that follows the text whose closing quote is at `quoteAt`; -1 if something else is there. */
function matchMiddle(source: Buffer, quoteAt: number): number {
  const letter = source[quoteAt + STREAM_LETTER];
  if (letter !== LOWER_E && letter !== LOWER_O) return -1;
  for (let i = 1; i < STREAM_LETTER; i++) if (source[quoteAt + i] !== MIDDLE[i]) return -1;
  for (let i = STREAM_LETTER + 3; i < MIDDLE.length; i++) if (source[quoteAt + i] !== MIDDLE[i]) return -1;
  return quoteAt + MIDDLE.length;
}
