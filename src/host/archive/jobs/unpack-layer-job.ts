import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { syncFileSystem } from '../../sys/filesystem.js';
import { ArchiveError, attempt } from '../archive-error.js';
import { detectCompression, inflated, peek } from '../decompress.js';
import type { IdMap } from '../id-map.js';
import { LayerExtractor } from '../layer-extractor.js';
import { TarReader } from '../tar-reader.js';
import type { JobContext } from './job-context.js';
import { packJob, type PackArguments } from './pack-job.js';

const READ_BYTES = 256 * 1024;
const PROGRESS_BYTES = 512 * 1024;

export interface UnpackLayerArguments {
  /** A file to read, or a directory whose archive is made here; null: the job's input. */
  source: string | PackArguments | null;
  targetDirectory: string;
  /** A file that becomes the uncompressed archive, not synced; null: it is not kept. */
  keepAt: string | null;
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

/** Reads a file in large pieces, always into the same memory: a chunk is gone once the next is asked for. */
export async function* readFileChunks(path: string): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  const fd = attempt('open', path, () => openSync(path, 'r'));
  try {
    for (;;) {
      const bytes = attempt('read', path, () => readSync(fd, buffer, 0, buffer.length, null));
      if (bytes === 0) return;
      yield buffer.subarray(0, bytes);
      // One synchronous stretch otherwise, and an abort would never be heard.
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    closeSync(fd);
  }
}

/** hash → inflate → hash → untar, in one stream. */
export async function unpackLayerJob(args: UnpackLayerArguments, context: JobContext): Promise<UnpackedLayer> {
  using sink = new LayerSink(args);
  const { source } = args;
  const arrived =
    source !== null && typeof source !== 'string'
      ? await packInto(sink, source, context)
      : await inflateInto(sink, source, context);
  const { entries, plain } = sink.finish();
  context.progress(arrived?.bytes ?? plain.bytes);
  return {
    diffId: plain.digest(),
    compressedDigest: (arrived ?? plain).digest(),
    sizeBytes: plain.bytes,
    compressedSizeBytes: (arrived ?? plain).bytes,
    entries,
  };
}

async function packInto(sink: LayerSink, source: PackArguments, context: JobContext): Promise<null> {
  const emit = async (chunk: Buffer): Promise<void> => {
    sink.take(chunk);
    // Packing and unpacking here is one synchronous stretch otherwise, and an abort would never be heard.
    await new Promise((resolve) => setImmediate(resolve));
    context.signal.throwIfAborted();
  };
  return packJob(source, { ...context, emit });
}

/** Returns what arrived; null: the archive was not compressed, so that hashing it once is enough. */
async function inflateInto(sink: LayerSink, path: string | null, context: JobContext): Promise<Tally | null> {
  const compressed = new Tally();
  const source = path === null ? context.input : readFileChunks(path);
  const { head, rest } = await peek(source);
  const compression = detectCompression(head);
  const isPlain = compression === 'none';
  let reported = 0;
  for await (const chunk of inflated(compression, isPlain ? rest : compressed.tap(rest))) {
    context.signal.throwIfAborted();
    sink.take(chunk);
    const read = isPlain ? sink.plain.bytes : compressed.bytes;
    if (read - reported >= PROGRESS_BYTES) context.progress((reported = read));
  }
  return isPlain ? null : compressed;
}

/** Where a layer's uncompressed archive goes: into the hash, into the directory, and into a file if it is kept. */
class LayerSink implements Disposable {
  readonly plain = new Tally();
  private readonly extractor: LayerExtractor;
  private readonly reader: TarReader;
  private readonly keepFd: number | null;

  constructor(private readonly args: UnpackLayerArguments) {
    const { keepAt } = args;
    this.keepFd = keepAt === null ? null : attempt('open', keepAt, () => openSync(keepAt, 'wx', 0o600));
    this.extractor = new LayerExtractor(args.targetDirectory, args.idMap ?? undefined);
    this.reader = new TarReader(this.extractor);
  }

  take(chunk: Buffer): void {
    const { maxBytes } = this.args;
    this.plain.add(chunk);
    if (maxBytes !== null && this.plain.bytes > maxBytes) {
      throw new ArchiveError(`layer is larger than ${maxBytes} bytes`);
    }
    if (this.keepFd !== null) this.keep(this.keepFd, chunk);
    this.reader.push(chunk);
  }

  /** All has arrived: checks it, and makes the layer durable. */
  finish(): { entries: number; plain: Tally } {
    const { args, extractor, plain } = this;
    this.reader.finish();
    const diffId = plain.digest();
    if (args.expectedDiffId !== null && args.expectedDiffId !== diffId) {
      throw new ArchiveError(`wrong diff id calculated on extraction "${diffId}"`);
    }
    extractor.finish();
    // The layer's record, which outlives a loss of power, vouches for its files: they have to be on disk first.
    attempt('syncfs', '/', () => syncFileSystem(args.targetDirectory));
    return { entries: extractor.entries, plain };
  }

  [Symbol.dispose](): void {
    this.extractor[Symbol.dispose]();
    if (this.keepFd !== null) closeSync(this.keepFd);
  }

  private keep(fd: number, chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      at += attempt('write', this.args.keepAt ?? '', () => writeSync(fd, chunk, at, chunk.length - at));
    }
  }
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
    return `sha256:${this.hash.copy().digest('hex')}`;
  }
}
