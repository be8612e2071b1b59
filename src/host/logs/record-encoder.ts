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
}

const FRAME_HEADER_BYTES = 8;
export const STDOUT = 1;
export const STDERR = 2;
const SPACE = 0x20;

/** Turns the records of a log into what a client of the logs endpoint reads. */
export abstract class RecordEncoder {
  private readonly since: LogTimeBound | null;
  private readonly until: LogTimeBound | null;
  private readonly headerBytes: number;
  /** What is written before the text of each record. */
  protected readonly prefixBytes: number;
  protected target = Buffer.alloc(0);
  protected length = 0;
  private full: Buffer[] = [];
  private ended = false;

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
    this.target = Buffer.allocUnsafe(end - start);
    this.length = 0;
    this.full = [];
    for (let at = start; at < end && !this.ended;) at = this.encodeNext(source, at, end);
    this.flush();
    const { full } = this;
    this.full = [];
    return full;
  }

  /** Encodes the record at `at`; returns where the next one begins. `target` has room for as many bytes as the source. */
  protected abstract encodeNext(source: Buffer, at: number, end: number): number;

  /** Makes room for a record of so many bytes, and for `followingBytes` of those after it. */
  protected reserve(bytes: number, followingBytes: number): void {
    if (this.target.length - this.length >= bytes + followingBytes) return;
    this.flush();
    this.target = Buffer.allocUnsafe(bytes + followingBytes);
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

  /** Writes the frame's header and the time where `length` is, before a text of so many bytes. */
  protected writePrefix(stream: number, textBytes: number, source: Uint8Array, timeAt: number, timeEnd: number): void {
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

  private flush(): void {
    if (this.length > 0) this.full.push(this.target.subarray(0, this.length));
    this.target = this.target.subarray(this.length);
    this.length = 0;
  }
}

const bound = (ns: bigint | null | undefined): LogTimeBound | null =>
  ns === null || ns === undefined ? null : new LogTimeBound(ns);
