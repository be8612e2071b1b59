import type { RecordEncoder } from './record-encoder.js';

/** What is read at once: large enough to be cheap, small enough that encoding it does not hold up the event loop. */
const READ_BYTES = 256 * 1024;
const NEWLINE = 0x0a;

/** Collects bytes of a log until they are whole lines, and has those encoded. */
export class RecordAssembler {
  private buffer = Buffer.alloc(0);
  private usedBytes = 0;

  /** @param skipLines lines at the beginning that are left out */
  constructor(
    private readonly encoder: RecordEncoder,
    private skipLines = 0,
  ) {}

  /** Where the next bytes are to be put; `take` tells how many were. */
  room(): Buffer {
    if (this.buffer.length - this.usedBytes < READ_BYTES / 2) {
      // only a line longer than a read makes it larger than that
      const larger = Buffer.allocUnsafe(Math.max(READ_BYTES, this.usedBytes * 2));
      this.buffer.copy(larger, 0, 0, this.usedBytes);
      this.buffer = larger;
    }
    return this.buffer.subarray(this.usedBytes);
  }

  /** Encodes the lines that the next `sizeBytes` bytes in the room have completed. */
  take(sizeBytes: number): Buffer[] {
    const searchFrom = this.usedBytes;
    this.usedBytes += sizeBytes;
    const last = this.buffer.subarray(searchFrom, this.usedBytes).lastIndexOf(NEWLINE);
    if (last < 0) return [];
    const end = searchFrom + last + 1;
    const pieces = this.encodeUpTo(end);
    this.buffer.copyWithin(0, end, this.usedBytes);
    this.usedBytes -= end;
    return pieces;
  }

  /** The end: a last line without a newline counts if it is a whole record. */
  finish(): Buffer[] {
    if (this.usedBytes === 0) return [];
    const room = this.room();
    room[0] = NEWLINE;
    return this.take(1);
  }

  /** Forgets an unfinished line. */
  reset(): void {
    this.usedBytes = 0;
  }

  /** Gives memory back that is not needed while nothing comes. */
  relax(): void {
    this.buffer = Buffer.from(this.buffer.subarray(0, this.usedBytes));
  }

  private encodeUpTo(end: number): Buffer[] {
    let start = 0;
    while (this.skipLines > 0 && start < end) {
      start = this.buffer.indexOf(NEWLINE, start) + 1;
      this.skipLines--;
    }
    return start < end ? this.encoder.encode(this.buffer, start, end) : [];
  }
}
