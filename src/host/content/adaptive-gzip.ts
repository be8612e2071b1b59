import { crc32 } from 'node:zlib';
import { RawDeflate } from './raw-deflate.js';

/** The unit in which content is looked at. */
const GRAIN_BYTES = 1024;
const HALF_BYTES = GRAIN_BYTES / 2;
/** Of a grain so much is looked at in each of these places, first at its ends: most of what compresses, or does so in part, is known by the first few. */
const STEP_BYTES = 64;
const STEPS = [0, 960, 128, 832, 256, 704, 384, 576];
const SAMPLE_BYTES = STEP_BYTES * STEPS.length;
/** Fewer dense grains than this in a row are not worth a change. */
const MIN_DENSE_GRAINS = 4;
/** Pairs of equal bytes in a sample of evenly spread ones, and a quarter more: that is text of 7.7 bits a byte. */
const DENSE_PAIRS = 1.25 * evenPairs(SAMPLE_BYTES);
/** With so few after half of the steps the grain is dense: most that are, are known by this. */
const DENSE_PAIRS_OF_HALF = 1.05 * evenPairs(SAMPLE_BYTES / 2);
const MAX_STORED_BYTES = 65_535;
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);

type Write = (bytes: Buffer) => void;

/**
 * Writes gzip, in one member, whose deflate blocks follow the content: what is compressed already (or encrypted, or noise) is stored as it
 * is, which costs zlib more time than anything else and gains nothing. The same pushes give the same bytes. Dispose of it.
 */
export class AdaptiveGzip implements Disposable {
  private readonly deflate = new RawDeflate();
  private crc = 0;
  private bytes = 0;
  private readonly counts = new Uint16Array(256);

  /** The first bytes of the file. */
  start(): Buffer {
    return HEADER;
  }

  /**
   * Calls `write` with the next bytes of the file, piece by piece; what it is given counts for the time of the call. Much data at once
   * compresses better: each push stands for itself.
   */
  push(data: Buffer, write: Write): void {
    this.crc = crc32(data, this.crc);
    this.bytes += data.length;
    for (let at = 0, dense = this.denseRun(data, 0); at < data.length;) {
      store(data.subarray(at, at + dense), write);
      at += dense;
      dense = 0;
      let end = at;
      while (end < data.length && (end === at || dense === 0)) {
        end = Math.min(end + GRAIN_BYTES, data.length);
        dense = this.denseRun(data, end);
      }
      if (dense > 0 && this.isDenseAround(data, end)) {
        end -= HALF_BYTES;
        dense += HALF_BYTES;
      }
      if (end > at) this.deflate.deflate(data.subarray(at, end), write);
      at = end;
    }
  }

  /** The last bytes of the file. */
  end(): Buffer {
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.crc, 0);
    trailer.writeUInt32LE(this.bytes % 2 ** 32, 4);
    return Buffer.concat([storedHeader(0, true), trailer]);
  }

  [Symbol.dispose](): void {
    this.deflate[Symbol.dispose]();
  }

  /** How many bytes from here on are not worth compressing; 0: too few. */
  private denseRun(data: Buffer, start: number): number {
    let end = start;
    while (end + GRAIN_BYTES <= data.length && this.isDense(data, end)) end += GRAIN_BYTES;
    if (end - start < MIN_DENSE_GRAINS * GRAIN_BYTES) return 0;
    return (this.isDenseAround(data, end) ? end + HALF_BYTES : end) - start;
  }

  /**
   * Whether a run that begins or ends here does so half a grain further out. Noise among text costs more than its bytes: each of its values is
   * one more to make a code for.
   */
  private isDenseAround(data: Buffer, at: number): boolean {
    return at >= HALF_BYTES && at + HALF_BYTES <= data.length && this.isDense(data, at - HALF_BYTES);
  }

  /** Whether byte values are spread as evenly as by chance. */
  private isDense(data: Buffer, start: number): boolean {
    const { counts } = this;
    counts.fill(0);
    let pairs = 0;
    for (let step = 0; step < STEPS.length;) {
      let at = start + (STEPS[step++] ?? 0);
      for (const stop = at + STEP_BYTES; at < stop; at++) {
        const byte = data[at] ?? 0;
        const before = counts[byte] ?? 0;
        pairs += before;
        counts[byte] = before + 1;
      }
      if (pairs >= DENSE_PAIRS) return false;
      if (2 * step === STEPS.length && pairs < DENSE_PAIRS_OF_HALF) return true;
    }
    return true;
  }
}

/** Pairs of equal bytes among so many evenly spread ones. */
function evenPairs(bytes: number): number {
  return (bytes * (bytes - 1)) / 2 / 256;
}

function store(data: Buffer, write: Write): void {
  for (let at = 0; at < data.length; at += MAX_STORED_BYTES) {
    const block = data.subarray(at, at + MAX_STORED_BYTES);
    write(storedHeader(block.length, false));
    write(block);
  }
}

/** Source: RFC 1951, 3.2.4; it begins at a byte's boundary, where a flush leaves off. */
function storedHeader(length: number, isLast: boolean): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt8(isLast ? 1 : 0, 0);
  header.writeUInt16LE(length, 1);
  header.writeUInt16LE(length ^ 0xffff, 3);
  return header;
}
