import type { FileHandle } from 'node:fs/promises';
import type { RecordEncoder, RecordFormat } from './record-encoder.js';

/** Where the last records of a file begin, and how many of those asked for there are. */
export interface TailOffset {
  readonly offset: number;
  readonly records: number;
}

/** How records lie in a log's files: one implementation for each driver whose logs can be read. */
export interface LogFormat {
  /**
   * Where the last whole record ends in `buffer[0, used)`, which begins with a record; 0 if none is whole. It was asked about the
   * first `searched` bytes before, without finding one.
   */
  endOfWhole(buffer: Buffer, searched: number, used: number): number;
  /** Where the record ends that begins at `at`, in whole records. */
  next(buffer: Buffer, at: number): number;
  /** What makes a whole record of a last one that was not ended; null: nothing does. */
  readonly terminator: number | null;
  /**
   * Finds the last `count` records (1 or more) before `sizeBytes`, reading backwards from there and no further than needed. A
   * line that is not ended yet counts.
   */
  findTail(handle: FileHandle, sizeBytes: number, count: number): Promise<TailOffset>;
  encoder(format: RecordFormat): RecordEncoder;
}
