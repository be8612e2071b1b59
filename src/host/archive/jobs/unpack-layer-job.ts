import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { ArchiveError } from '../archive-error.js';
import { detectCompression, inflated, peek } from '../decompress.js';
import type { IdMap } from '../id-map.js';
import { LayerExtractor } from '../layer-extractor.js';
import { TarReader } from '../tar-reader.js';
import type { JobContext } from './job-context.js';

const READ_BYTES = 1024 * 1024;
const PROGRESS_BYTES = 512 * 1024;

export interface UnpackLayerArguments {
  /** A file to read; null: the job's input. */
  path: string | null;
  targetDirectory: string;
  expectedDiffId: string | null;
  maxBytes: number | null;
  idMap: IdMap | null;
}

/** What a layer turned out to be. Digests are `sha256:<hex>`. */
export interface UnpackedLayer {
  /** Digest of the uncompressed archive. */
  diffId: string;
  /** Digest of the bytes as they came. */
  compressedDigest: string;
  /** Length of the uncompressed archive. */
  sizeBytes: number;
  compressedSizeBytes: number;
  entries: number;
}

/** Reads a file in large pieces; destroyed with the consumer. */
export function readFileChunks(path: string): AsyncIterable<Buffer> {
  return createReadStream(path, { highWaterMark: READ_BYTES }) as AsyncIterable<Buffer>;
}

/** hash → inflate → hash → untar, in one stream. */
export async function unpackLayerJob(args: UnpackLayerArguments, context: JobContext): Promise<UnpackedLayer> {
  const compressed = new Tally();
  const source = args.path === null ? context.input : readFileChunks(args.path);
  const { head, rest } = await peek(source);
  const compression = detectCompression(head);
  // Uncompressed archives are hashed once: both digests are the same.
  const input = compression === 'none' ? rest : compressed.tap(rest);
  const plain = new Tally();
  using extractor = new LayerExtractor(args.targetDirectory, args.idMap ?? undefined);
  const reader = new TarReader(extractor);
  let reported = 0;
  for await (const chunk of inflated(compression, input)) {
    context.signal.throwIfAborted();
    plain.add(chunk);
    if (args.maxBytes !== null && plain.bytes > args.maxBytes) {
      throw new ArchiveError(`layer is larger than ${args.maxBytes} bytes`);
    }
    reader.push(chunk);
    const read = compression === 'none' ? plain.bytes : compressed.bytes;
    if (read - reported >= PROGRESS_BYTES) context.progress((reported = read));
  }
  reader.finish();
  const diffId = plain.digest();
  if (args.expectedDiffId !== null && args.expectedDiffId !== diffId) {
    throw new ArchiveError(`wrong diff id calculated on extraction "${diffId}"`);
  }
  extractor.finish();
  const arrived = compression === 'none' ? plain : compressed;
  context.progress(arrived.bytes);
  return {
    diffId,
    compressedDigest: compression === 'none' ? diffId : compressed.digest(),
    sizeBytes: plain.bytes,
    compressedSizeBytes: arrived.bytes,
    entries: extractor.entries,
  };
}

/** Counts and hashes bytes that pass. */
class Tally {
  bytes = 0;
  private readonly hash: Hash = createHash('sha256');

  add(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.hash.update(chunk);
  }

  async *tap(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      this.add(chunk);
      yield chunk;
    }
  }

  digest(): string {
    return `sha256:${this.hash.digest('hex')}`;
  }
}
