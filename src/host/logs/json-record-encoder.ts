import { formatDetails, parseLogRecord } from './log-record.js';
import type { LogRecord } from './log-record.js';
import { PADDED_TIME_BYTES } from './log-time.js';
import { RecordEncoder, STDERR, STDOUT } from './record-encoder.js';
import { unescapeJson } from './unescape-json.js';

const NEWLINE = 0x0a;
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
 * Encodes the lines of a json-file log. Lines as dockerd and the shim write them go through one pass over the bytes; any other
 * line is parsed, and left out if it is no record.
 */
export class JsonRecordEncoder extends RecordEncoder {
  protected override encodeNext(source: Buffer, at: number, end: number): number {
    // a record is never longer in the output than in the log, except for details, which make room for themselves
    const next = this.format.details ? -1 : this.encodeFast(source, at);
    return next >= 0 ? next : this.encodeSlowly(source, at, end);
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
    this.reserve(bytes, followingBytes);
    this.writePrefix(stream, text.length, time, 0, time.length);
    text.copy(this.target, this.length + this.prefixBytes);
    this.length += bytes;
  }
}

/** Where the time begins that follows the text whose closing quote is at `quoteAt`; -1 if something else is there. */
function matchMiddle(source: Buffer, quoteAt: number): number {
  const letter = source[quoteAt + STREAM_LETTER];
  if (letter !== LOWER_E && letter !== LOWER_O) return -1;
  for (let i = 1; i < STREAM_LETTER; i++) if (source[quoteAt + i] !== MIDDLE[i]) return -1;
  for (let i = STREAM_LETTER + 3; i < MIDDLE.length; i++) if (source[quoteAt + i] !== MIDDLE[i]) return -1;
  return quoteAt + MIDDLE.length;
}
