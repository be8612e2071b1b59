import { type Bytes, hasWords, wordsOf } from './bytes.js';
import { formatDetails, parseLogRecord } from './log-record.js';
import type { LogRecord } from './log-record.js';
import { PADDED_TIME_BYTES } from './log-time.js';
import { RecordEncoder, STDERR, STDOUT } from './record-encoder.js';
import { unescapeJson } from './unescape-json.js';

const NEWLINE = 0x0a;
const LOWER_E = 0x65;
const LETTER_T = 0x54;
const Z = 0x5a;

const HEAD = wordsOf('{"log":"');
/** What follows the text of a record without attributes, and begins the time. */
const STDOUT_MIDDLE = wordsOf('","stream":"stdout","time":"');
const STDERR_MIDDLE = wordsOf('","stream":"stderr","time":"');
/** Where the two differ first. */
const STREAM_LETTER = '","stream":"std'.length;
const END = [0x22, 0x7d, NEWLINE] as const;
/** `2006-01-02T15:04:05Z` and up to ten bytes of fraction. */
const TIME_MIN_BYTES = 20;
const LETTER_T_AT = 10;

/**
 * Encodes the lines of a json-file log. Lines as dockerd and the shim write them go through one pass over the bytes; any other
 * line is parsed, and left out if it is no record.
 */
export class JsonRecordEncoder extends RecordEncoder {
  protected override encodeNext(source: Bytes, at: number, end: number): number {
    // a record is never longer in the output than in the log, except for details, which make room for themselves
    const next = this.format.details ? -1 : this.encodeFast(source, at);
    return next >= 0 ? next : this.encodeSlowly(source.bytes, at, end);
  }

  /** Returns where the next line begins, or -1 if this one is not as expected. */
  private encodeFast(input: Bytes, at: number): number {
    const { bytes: source } = input;
    if (!hasWords(input, at, HEAD)) return -1;
    const from = this.textAt;
    const result = unescapeJson(input, at + HEAD.byteLength, this.output, from);
    if (result.quoteAt < 0) return -1;
    const textBytes = result.writtenTo - from;
    const stream = source[result.quoteAt + STREAM_LETTER] === LOWER_E ? STDERR : STDOUT;
    const middle = stream === STDERR ? STDERR_MIDDLE : STDOUT_MIDDLE;
    if (!hasWords(input, result.quoteAt, middle)) return -1;
    const timeAt = result.quoteAt + middle.byteLength;
    const timeEnd = endOfTime(source, timeAt);
    if (timeEnd < 0 || source[timeEnd + 1] !== END[1] || source[timeEnd + 2] !== END[2]) return -1;
    if (this.admits(stream, source, timeAt, timeEnd)) this.add(stream, textBytes, source, timeAt, timeEnd);
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
    this.reserve(this.prefixBytes + text.length, followingBytes);
    text.copy(this.target, this.textAt);
    this.add(stream, text.length, time, 0, time.length);
  }
}

/** Where the quote is that ends the time which begins at `at`; -1 if it can't be one. */
function endOfTime(source: Buffer, at: number): number {
  const usual = at + PADDED_TIME_BYTES;
  if (source[usual] === END[0] && source[at + LETTER_T_AT] === LETTER_T && source[usual - 1] === Z) return usual;
  for (let end = at + TIME_MIN_BYTES; end - at <= PADDED_TIME_BYTES; end++) {
    if (source[end] === END[0]) return end;
    if (source[end] === NEWLINE) return -1;
  }
  return -1;
}
