import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import { ArchiveError } from '../../host/archive/archive-error.js';
import { inflated, detectCompression, peek } from '../../host/archive/decompress.js';
import type { TarEntry } from '../../host/archive/tar-entry.js';
import { TarReader } from '../../host/archive/tar-reader.js';
import type { BlobWriter } from '../../host/content/blob-writer.js';
import type { ContentStore } from '../../host/content/content-store.js';
import { digestOf } from '../../shared/digest.js';

/** A file of an archive of images: small ones in memory, others on disk in the content store's ingest folder. */
export interface SpooledFile {
  digest: string;
  sizeBytes: number;
  /** null: on disk. */
  bytes: Buffer | null;
  /** Makes it a blob of the content store. */
  commit(): Promise<void>;
}

const IN_MEMORY_BYTES = 128 * 1024;
const MAX_FILES = 100_000;
/** All that is held in memory for one archive. */
const MAX_MEMORY_BYTES = 64 * 1024 * 1024;
const MAX_LINKS = 40;

/** The files of an archive of images, read from a stream that cannot be rewound. Dispose of it: what was not committed goes. */
export class ArchiveSpool implements AsyncDisposable {
  private readonly files = new Map<string, SpooledFile>();
  private readonly links = new Map<string, string>();
  private readonly writers: BlobWriter[] = [];
  private memoryBytes = 0;

  private constructor(private readonly content: ContentStore) {}

  /** Reads the archive, compressed or not, to its end. Throws ArchiveError for a bad one. */
  static async read(source: Readable, content: ContentStore, signal: AbortSignal): Promise<ArchiveSpool> {
    const spool = new ArchiveSpool(content);
    try {
      await spool.fill(source, signal);
    } catch (error) {
      await spool[Symbol.asyncDispose]();
      source.destroy();
      if (signal.aborted) throw signal.reason;
      throw error;
    }
    return spool;
  }

  /** A file by its path; links are followed. null: there is none. */
  find(path: string): SpooledFile | null {
    let name = normalize(path);
    for (let hops = 0; hops < MAX_LINKS; hops++) {
      const file = this.files.get(name);
      if (file) return file;
      const target = this.links.get(name);
      if (target === undefined) return null;
      name = target;
    }
    return null;
  }

  /** The contents of a small file; null: there is none, or it is no small file. */
  text(path: string): string | null {
    return this.find(path)?.bytes?.toString('utf8') ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const writer of this.writers) await writer[Symbol.asyncDispose]();
  }

  private async fill(source: Readable, signal: AbortSignal): Promise<void> {
    const { head, rest } = await peek(source as AsyncIterable<Buffer>);
    const steps: (() => Promise<void>)[] = [];
    let sink: FileSink | null = null;
    const reader = new TarReader({
      entry: (entry) => {
        if (this.files.size + this.links.size >= MAX_FILES) throw new ArchiveError('too many files in archive');
        if (entry.type === 'file') {
          const current = new FileSink(this.content, entry.sizeBytes);
          sink = current;
          const name = normalize(entry.name);
          steps.push(async () => void (await current.open(this.writers)));
          current.onEnd = () => this.keep(name, current);
        } else {
          sink = null;
          this.addLink(entry);
        }
      },
      data: (piece, offset) => {
        const current = sink;
        if (current) steps.push(() => current.write(piece, offset));
      },
      entryEnd: () => {
        const current = sink;
        if (current) steps.push(() => current.end());
        sink = null;
      },
    });
    for await (const chunk of inflated(detectCompression(head), rest)) {
      signal.throwIfAborted();
      reader.push(chunk);
      for (const step of steps.splice(0)) await step();
    }
    reader.finish();
  }

  private keep(name: string, sink: FileSink): void {
    this.links.delete(name);
    const file = sink.result();
    this.memoryBytes += file.bytes?.length ?? 0;
    if (this.memoryBytes > MAX_MEMORY_BYTES) throw new ArchiveError('too many small files in archive');
    this.files.set(name, file);
  }

  private addLink(entry: TarEntry): void {
    const name = normalize(entry.name);
    if (entry.type === 'hardlink') this.links.set(name, normalize(entry.linkName));
    if (entry.type === 'symlink') this.links.set(name, normalize(posix.join(posix.dirname(name), entry.linkName)));
  }
}

/** Takes one file's pieces in order. */
class FileSink {
  onEnd: () => void = () => undefined;
  private chunks: Buffer[] = [];
  private writer: BlobWriter | null = null;
  private position = 0;

  constructor(
    private readonly content: ContentStore,
    private readonly sizeBytes: number,
  ) {}

  async open(writers: BlobWriter[]): Promise<void> {
    if (this.sizeBytes <= IN_MEMORY_BYTES) return;
    this.writer = await this.content.newBlob();
    writers.push(this.writer);
  }

  async write(piece: Buffer, offset: number): Promise<void> {
    await this.fillTo(offset);
    if (this.writer) await this.writer.write(piece);
    else this.chunks.push(Buffer.from(piece));
    this.position += piece.length;
  }

  async end(): Promise<void> {
    await this.fillTo(this.sizeBytes);
    this.onEnd();
  }

  result(): SpooledFile {
    const { writer, content } = this;
    if (writer) {
      const digest = writer.digest();
      let committed = false;
      const commit = async (): Promise<void> => {
        if (committed) return;
        committed = true;
        if (await content.has(digest)) await writer.abort();
        else await writer.commit(digest);
      };
      return { digest, sizeBytes: this.sizeBytes, bytes: null, commit };
    }
    const bytes = Buffer.concat(this.chunks);
    return {
      digest: digestOf(bytes),
      sizeBytes: bytes.length,
      bytes,
      commit: async () => void (await content.put(bytes)),
    };
  }

  /** A sparse file leaves its holes out. */
  private async fillTo(offset: number): Promise<void> {
    while (this.position < offset) {
      const zeros = Buffer.alloc(Math.min(offset - this.position, 1024 * 1024));
      this.position += zeros.length;
      if (this.writer) await this.writer.write(zeros);
      else this.chunks.push(zeros);
    }
  }
}

/** A path inside the archive, without leading `./`, `/` or `..`. */
function normalize(path: string): string {
  return posix.join('/', path).replace(/^\/+/, '').replace(/\/+$/, '');
}
