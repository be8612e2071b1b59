import { ArchiveError, INVALID_HEADER } from './archive-error.js';
import { BLOCK_BYTES } from './tar-block.js';
import { pairs } from './pax-records.js';
import type { SparseRegion } from './tar-entry.js';

/**
 * Where the stored bytes of a file belong: walks the regions while data arrives. Throws ArchiveError for a map that overlaps, runs
 * backwards, leaves the file, or does not add up to the stored size.
 */
export class SparseLayout {
  private region = 0;
  private done = 0;

  constructor(
    private readonly regions: SparseRegion[],
    storedBytes: number,
    realBytes: number,
  ) {
    let end = 0;
    let total = 0;
    for (const { offset, length } of regions) {
      if (offset < end || offset + length > realBytes) throw new ArchiveError(INVALID_HEADER);
      end = offset + length;
      total += length;
    }
    if (total !== storedBytes) throw new ArchiveError(INVALID_HEADER);
  }

  /** Splits stored bytes into pieces with their place in the file. */
  place(chunk: Buffer, write: (piece: Buffer, offset: number) => void): void {
    for (let at = 0; at < chunk.length;) {
      const region = this.regions[this.region];
      if (!region) throw new ArchiveError(INVALID_HEADER);
      const length = Math.min(region.length - this.done, chunk.length - at);
      if (length > 0) write(chunk.subarray(at, at + length), region.offset + this.done);
      at += length;
      this.done += length;
      if (this.done === region.length) {
        this.region++;
        this.done = 0;
      }
    }
  }
}

/**
 * The map of GNU sparse format 1.0 that stands in front of the data: decimal numbers, one per line, padded to whole blocks.
 * Returns null while `data` is too short to hold all of it, else the regions and how many bytes the map takes.
 */
export function parseSparseMap(data: Buffer): { regions: SparseRegion[]; mapBytes: number } | null {
  const numbers: number[] = [];
  let offset = 0;
  for (let wanted = 1; numbers.length < wanted;) {
    const newline = data.indexOf(10, offset);
    if (newline < 0) return null;
    const digits = data.toString('latin1', offset, newline);
    const value = Number(digits);
    if (!/^[0-9]{1,16}$/.test(digits)) throw new ArchiveError(INVALID_HEADER);
    if (numbers.length === 0) wanted = 1 + 2 * value;
    numbers.push(value);
    offset = newline + 1;
  }
  const mapBytes = Math.ceil(offset / BLOCK_BYTES) * BLOCK_BYTES;
  return data.length < mapBytes ? null : { regions: pairs(numbers.slice(1)), mapBytes };
}
