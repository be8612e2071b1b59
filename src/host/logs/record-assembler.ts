import type { LogFormat } from './log-format.js';
import type { RecordEncoder } from './record-encoder.js';

/** What is read at once: large enough to be cheap, small enough that encoding it does not hold up the event loop. */
const READ_BYTES = 256 * 1024;

/** Collects bytes of a log until they are whole records, and has those encoded. */
export class RecordAssembler {
  private buffer = Buffer.alloc(0);
  private usedBytes = 0;

  /** @param skipRecords records at the beginning that are left out */
  constructor(
    private readonly format: LogFormat,
    private readonly encoder: RecordEncoder,
    private skipRecords = 0,
  ) {}

  /** Where the next bytes are to be put; `take` tells how many were. */
  room(): Buffer {
    if (this.buffer.length - this.usedBytes < READ_BYTES / 2) {
      // only a record longer than a read makes it larger than that
      const larger = Buffer.allocUnsafe(Math.max(READ_BYTES, this.usedBytes * 2));
      this.buffer.copy(larger, 0, 0, this.usedBytes);
      this.buffer = larger;
    }
    return this.buffer.subarray(this.usedBytes);
  }

  /** Encodes the records that the next `sizeBytes` bytes in the room have completed. */
  take(sizeBytes: number): Buffer[] {
    const searched = this.usedBytes;
    this.usedBytes += sizeBytes;
    const end = this.format.endOfWhole(this.buffer, searched, this.usedBytes);
    if (end === 0) return [];
    const pieces = this.encodeUpTo(end);
    this.buffer.copyWithin(0, end, this.usedBytes);
    this.usedBytes -= end;
    return pieces;
  }

  /** The end: a last record that was not ended counts if it is whole otherwise. */
  finish(): Buffer[] {
    const { terminator } = this.format;
    if (this.usedBytes === 0 || terminator === null) return [];
    const room = this.room();
    room[0] = terminator;
    return this.take(1);
  }

  /** Forgets an unfinished record. */
  reset(): void {
    this.usedBytes = 0;
  }

  /** Gives memory back that is not needed while nothing comes. */
  relax(): void {
    this.buffer = Buffer.from(this.buffer.subarray(0, this.usedBytes));
  }

  private encodeUpTo(end: number): Buffer[] {
    let start = 0;
    while (this.skipRecords > 0 && start < end) {
      start = this.format.next(this.buffer, start);
      this.skipRecords--;
    }
    return start < end ? this.encoder.encode(this.buffer, start, end) : [];
  }
}
