import { type Bytes, bytesOf } from './bytes.js';
import { LogTimeBound, PADDED_TIME_BYTES, writePaddedTime } from './log-time.js';

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
  /** Whether records of one stream that follow each other share frames, instead of a frame for each. */
  readonly joined?: boolean;
}

const FRAME_HEADER_BYTES = 8;
/** Up to here records are put into one frame; a reader's buffer of 32 KiB holds it. */
const JOINED_FRAME_BYTES = 16 * 1024;
const NO_FRAME = -1;
export const STDOUT = 1;
export const STDERR = 2;
const SPACE = 0x20;

/** Turns the records of a log into what a client of the logs endpoint reads. */
export abstract class RecordEncoder {
  private readonly since: LogTimeBound | null;
  private readonly until: LogTimeBound | null;
  private readonly headerBytes: number;
  /** What is written before the text of a record at most. */
  protected readonly prefixBytes: number;
  protected output = bytesOf(Buffer.alloc(0));
  protected length = 0;
  private full: Buffer[] = [];
  private ended = false;
  /** Where in `target` the frame begins that the next record may be put into. */
  private frameAt = NO_FRAME;
  private frameStream = STDOUT;

  constructor(protected readonly format: RecordFormat) {
    this.since = bound(format.sinceNs);
    this.until = bound(format.untilNs);
    this.headerBytes = format.tty ? 0 : FRAME_HEADER_BYTES;
    this.prefixBytes = this.headerBytes + (format.timestamps ? PADDED_TIME_BYTES + 1 : 0);
  }

  /** Whether a record after `untilNs` was seen: nothing more comes. */
  get finished(): boolean {
    return this.ended;
  }

  /** Encodes the whole records in `source[start, end)`. The buffers are the caller's. */
  encode(source: Buffer, start: number, end: number): Buffer[] {
    this.output = bytesOf(Buffer.allocUnsafe(end - start));
    this.full = [];
    const input = bytesOf(source);
    for (let at = start; at < end && !this.ended;) at = this.encodeNext(input, at, end);
    this.flush();
    const { full } = this;
    this.full = [];
    return full;
  }

  /** Encodes the record at `at`; returns where the next one begins. `target` has room for as many bytes as the source. */
  protected abstract encodeNext(source: Bytes, at: number, end: number): number;

  /** Makes room for a record of so many bytes, and for `followingBytes` of those after it. */
  protected reserve(bytes: number, followingBytes: number): void {
    if (this.target.length - this.length >= bytes + followingBytes) return;
    this.flush();
    this.output = bytesOf(Buffer.allocUnsafe(bytes + followingBytes));
  }

  /** Whether a record is asked for; its time is RFC 3339 text at `source[timeAt, timeEnd)`. */
  protected admits(stream: number, source: Uint8Array, timeAt: number, timeEnd: number): boolean {
    if (this.until && this.until.compare(source, timeAt, timeEnd) > 0) {
      this.ended = true;
      return false;
    }
    if (!(stream === STDOUT ? this.format.stdout : this.format.stderr)) return false;
    return !this.since || this.since.compare(source, timeAt, timeEnd) >= 0;
  }

  /** Where records are put, from `length` on. */
  protected get target(): Buffer {
    return this.output.bytes;
  }

  /** Where the text of the next record is put before `add`; it is asked for after `reserve`. */
  protected get textAt(): number {
    return this.length + this.prefixBytes - (this.frameAt === NO_FRAME ? 0 : this.headerBytes);
  }

  /** Adds a record, whose text of so many bytes is at `textAt`. */
  protected add(stream: number, textBytes: number, source: Uint8Array, timeAt: number, timeEnd: number): void {
    const { target, textAt } = this;
    const endsAt = textAt + textBytes;
    if (this.frameAt !== NO_FRAME && (stream !== this.frameStream || endsAt - this.frameAt > JOINED_FRAME_BYTES)) {
      target.copyWithin(textAt + this.headerBytes, textAt, endsAt);
      this.frameAt = NO_FRAME;
      return this.add(stream, textBytes, source, timeAt, timeEnd);
    }
    if (this.format.timestamps) {
      const at = textAt - PADDED_TIME_BYTES - 1;
      writePaddedTime(target, at, source, timeAt, timeEnd);
      target[at + PADDED_TIME_BYTES] = SPACE;
    }
    if (this.headerBytes > 0) this.writeHeader(this.frameAt === NO_FRAME ? this.length : this.frameAt, stream, endsAt);
    this.length = endsAt;
  }

  private writeHeader(at: number, stream: number, endsAt: number): void {
    const { target } = this;
    const payloadBytes = endsAt - at - FRAME_HEADER_BYTES;
    target[at] = stream;
    target[at + 1] = target[at + 2] = target[at + 3] = 0;
    target[at + 4] = payloadBytes >>> 24;
    target[at + 5] = payloadBytes >>> 16;
    target[at + 6] = payloadBytes >>> 8;
    target[at + 7] = payloadBytes;
    if (!this.format.joined) return;
    this.frameAt = at;
    this.frameStream = stream;
  }

  private flush(): void {
    if (this.length > 0) this.full.push(this.target.subarray(0, this.length));
    this.output = bytesOf(this.target.subarray(this.length));
    this.length = 0;
    this.frameAt = NO_FRAME;
  }
}

const bound = (ns: bigint | null | undefined): LogTimeBound | null =>
  ns === null || ns === undefined ? null : new LogTimeBound(ns);
