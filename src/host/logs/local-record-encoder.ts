import { formatRfc3339Nano } from '../../shared/rfc3339.js';
import type { Bytes } from './bytes.js';
import { RecordEncoder, STDERR, STDOUT } from './record-encoder.js';

/** Of the length before and after each message, big endian. */
export const LENGTH_BYTES = 4;

const NEWLINE = 0x0a;
const SPACE = 0x20;
/** `stderr` and `stdout` differ first in their fourth letter. */
const NAME_LETTER = 3;
const LOWER_E = 0x65;
const LENGTH_DELIMITED = 2;

/** The fields of a message (shim/include/locallog.h). */
const SOURCE = 1;
const TIME_NANO = 2;
const LINE = 3;
const PARTIAL_METADATA = 5;
const METADATA_LAST = 1;

const NO_TIME = Buffer.alloc(0);

/** Encodes the records of a local log. What is no protobuf message is left out. */
export class LocalRecordEncoder extends RecordEncoder {
  private readonly needsTime: boolean;
  private stream = STDOUT;
  private timeNs = 0n;
  private lineAt = 0;
  private lineEnd = 0;
  private isEnded = true;

  constructor(format: ConstructorParameters<typeof RecordEncoder>[0]) {
    super(format);
    this.needsTime = format.timestamps || (format.sinceNs ?? null) !== null || (format.untilNs ?? null) !== null;
  }

  protected override encodeNext({ bytes: source }: Bytes, at: number, end: number): number {
    const messageEnd = at + LENGTH_BYTES + source.readUInt32BE(at);
    const next = messageEnd + LENGTH_BYTES;
    if (!this.decode(source, at + LENGTH_BYTES, messageEnd)) return next;
    const time = this.needsTime ? Buffer.from(formatRfc3339Nano(this.timeNs)) : NO_TIME;
    if (!this.admits(this.stream, time, 0, time.length)) return next;
    // there are no attributes in this format, but the space after them is
    const textBytes = (this.format.details ? 1 : 0) + this.lineEnd - this.lineAt + (this.isEnded ? 1 : 0);
    this.reserve(this.prefixBytes + textBytes, end - next);
    let to = this.textAt;
    if (this.format.details) this.target[to++] = SPACE;
    to += source.copy(this.target, to, this.lineAt, this.lineEnd);
    if (this.isEnded) this.target[to] = NEWLINE;
    this.add(this.stream, textBytes, time, 0, time.length);
    return next;
  }

  /** Finds the fields; false for what is no message. */
  private decode(source: Buffer, from: number, end: number): boolean {
    this.stream = STDOUT;
    this.timeNs = 0n;
    this.lineAt = this.lineEnd = from;
    this.isEnded = true;
    if (from >= end) return false;
    for (let at = from; at < end;) {
      const tag = source[at++] ?? 0;
      const field = tag >> 3;
      const valueAt = at;
      while ((source[at] ?? 0) & 0x80) at++;
      at++;
      if ((tag & 7) !== LENGTH_DELIMITED) {
        if ((tag & 7) !== 0) return false;
        if (field === TIME_NANO && this.needsTime) this.timeNs = largeVarint(source, valueAt, at);
        continue;
      }
      const size = smallVarint(source, valueAt, at);
      if (at + size > end) return false;
      if (field === SOURCE) this.stream = source[at + NAME_LETTER] === LOWER_E ? STDERR : STDOUT;
      if (field === LINE) [this.lineAt, this.lineEnd] = [at, at + size];
      // only the last piece of a line has its newline
      if (field === PARTIAL_METADATA) this.isEnded = source[at] === METADATA_LAST << 3 && source[at + 1] === 1;
      at += size;
    }
    return true;
  }
}

function smallVarint(source: Buffer, at: number, end: number): number {
  let value = 0;
  for (let i = end - 1; i >= at; i--) value = value * 128 + ((source[i] ?? 0) & 0x7f);
  return value;
}

function largeVarint(source: Buffer, at: number, end: number): bigint {
  let value = 0n;
  for (let i = end - 1; i >= at; i--) value = (value << 7n) | BigInt((source[i] ?? 0) & 0x7f);
  return value;
}
