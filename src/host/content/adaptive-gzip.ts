import { constants, crc32, deflateRawSync } from 'node:zlib';

/** The unit in which content is looked at; of each one, the first bytes are. */
const GRAIN_BYTES = 1024;
const SAMPLE_BYTES = 512;
/** Most of what compresses is known by the first few of these. */
const STEP_BYTES = 64;
/** Fewer dense grains than this in a row are not worth a change. */
const MIN_DENSE_GRAINS = 4;
/** Pairs of equal bytes in a sample of evenly spread ones, and a quarter more: that is text of 7.7 bits a byte. */
const DENSE_PAIRS = (1.25 * (SAMPLE_BYTES * (SAMPLE_BYTES - 1))) / 2 / 256;
const MAX_STORED_BYTES = 65_535;
/** Half of the time of zlib's default level, for three percent more bytes (measured on shared libraries). */
const LEVEL = 4;
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);

/**
 * Writes gzip, in one member, whose deflate blocks follow the content: what is compressed already (or encrypted, or noise) is stored as it
 * is, which costs zlib more time than anything else and gains nothing. The same pushes give the same bytes.
 */
export class AdaptiveGzip {
  private crc = 0;
  private bytes = 0;
  private readonly counts = new Uint16Array(256);

  /** The first bytes of the file. */
  start(): Buffer {
    return HEADER;
  }

  /** The next bytes of the file, some of them views of `data`. Large pieces compress better: each stands for itself. */
  push(data: Buffer): Buffer[] {
    this.crc = crc32(data, this.crc);
    this.bytes += data.length;
    const pieces: Buffer[] = [];
    for (let at = 0, dense = this.denseRun(data, 0); at < data.length;) {
      store(data.subarray(at, at + dense), pieces);
      at += dense;
      dense = 0;
      let end = at;
      while (end < data.length && (end === at || dense === 0)) {
        end = Math.min(end + GRAIN_BYTES, data.length);
        dense = this.denseRun(data, end);
      }
      if (end > at) pieces.push(deflate(data.subarray(at, end)));
      at = end;
    }
    return pieces;
  }

  /** The last bytes of the file. */
  end(): Buffer {
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.crc, 0);
    trailer.writeUInt32LE(this.bytes % 2 ** 32, 4);
    return Buffer.concat([storedHeader(0, true), trailer]);
  }

  /** How many bytes from here on are not worth compressing; 0: too few. */
  private denseRun(data: Buffer, start: number): number {
    let end = start;
    while (end + GRAIN_BYTES <= data.length && this.isDense(data, end)) end += GRAIN_BYTES;
    return end - start >= MIN_DENSE_GRAINS * GRAIN_BYTES ? end - start : 0;
  }

  /** Whether byte values are spread as evenly as by chance. */
  private isDense(data: Buffer, start: number): boolean {
    const { counts } = this;
    counts.fill(0);
    let pairs = 0;
    for (let at = start; at < start + SAMPLE_BYTES;) {
      for (const stop = at + STEP_BYTES; at < stop; at++) {
        const byte = data[at] ?? 0;
        const before = counts[byte] ?? 0;
        pairs += before;
        counts[byte] = before + 1;
      }
      if (pairs >= DENSE_PAIRS) return false;
    }
    return true;
  }
}

function store(data: Buffer, pieces: Buffer[]): void {
  for (let at = 0; at < data.length; at += MAX_STORED_BYTES) {
    const block = data.subarray(at, at + MAX_STORED_BYTES);
    pieces.push(storedHeader(block.length, false), block);
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

function deflate(data: Buffer): Buffer {
  // Setting up zlib's tables takes longer than a few kilobytes of text.
  const small = data.length <= 16 * 1024;
  return deflateRawSync(data, {
    level: LEVEL,
    finishFlush: constants.Z_SYNC_FLUSH,
    windowBits: small ? 14 : 15,
    memLevel: small ? 7 : 8,
    chunkSize: small ? 16 * 1024 : 256 * 1024,
  });
}
