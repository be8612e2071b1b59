import { createHash, randomUUID, type Hash } from 'node:crypto';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ArchiveError, attempt } from '../archive-error.js';
import { detectCompression, inflated, peek } from '../decompress.js';
import type { TarEntry } from '../tar-entry.js';
import { TarReader, type TarHandler } from '../tar-reader.js';
import type { JobContext } from './job-context.js';

export interface SpoolArchiveArguments {
  /** Where files that are too large for memory go, under names of their own. */
  directory: string;
}

/** A regular file of an archive. */
export interface SpooledEntry {
  /** As the archive names it (binary string). */
  name: string;
  /** `sha256:<hex>`. */
  digest: string;
  sizeBytes: number;
  /** The content of a small file; null: it is at `path`. */
  bytes: Uint8Array | null;
  path: string | null;
}

/** What an archive holds, in its order; a name may come again. */
export interface SpooledArchive {
  files: SpooledEntry[];
  links: { name: string; type: 'hardlink' | 'symlink'; target: string }[];
}

const IN_MEMORY_BYTES = 128 * 1024;
const MAX_ENTRIES = 100_000;
/** All that is held in memory for one archive. */
const MAX_MEMORY_BYTES = 64 * 1024 * 1024;

/** Reads an archive, compressed or not, to its end. The large files are the caller's then; of one that fails nothing stays. */
export async function spoolArchiveJob(args: SpoolArchiveArguments, context: JobContext): Promise<SpooledArchive> {
  const spool = new Spool(args.directory);
  try {
    const reader = new TarReader(spool);
    const { head, rest } = await peek(context.input);
    for await (const chunk of inflated(detectCompression(head), rest)) {
      context.signal.throwIfAborted();
      reader.push(chunk);
    }
    reader.finish();
    return spool.archive;
  } catch (error) {
    spool.discard();
    throw error;
  }
}

class Spool implements TarHandler {
  readonly archive: SpooledArchive = { files: [], links: [] };
  private file: FileSink | null = null;
  private entries = 0;
  private memoryBytes = 0;

  constructor(private readonly directory: string) {}

  entry(entry: TarEntry): void {
    if (++this.entries > MAX_ENTRIES) throw new ArchiveError('too many files in archive');
    const { name, type, linkName: target } = entry;
    if (type === 'hardlink' || type === 'symlink') this.archive.links.push({ name, type, target });
    if (type !== 'file') return;
    const isSmall = entry.sizeBytes <= IN_MEMORY_BYTES;
    if (isSmall) this.memoryBytes += entry.sizeBytes;
    if (this.memoryBytes > MAX_MEMORY_BYTES) throw new ArchiveError('too many small files in archive');
    this.file = new FileSink(name, entry.sizeBytes, isSmall ? null : join(this.directory, randomUUID()));
  }

  data(piece: Buffer, offset: number): void {
    this.file?.write(piece, offset);
  }

  entryEnd(): void {
    if (this.file) this.archive.files.push(this.file.end());
    this.file = null;
  }

  discard(): void {
    this.file?.discard();
    for (const { path } of this.archive.files) if (path !== null) rmSync(path, { force: true });
  }
}

/** Takes one file's pieces in order. */
class FileSink {
  private readonly hash: Hash = createHash('sha256');
  private readonly chunks: Buffer[] = [];
  private readonly fd: number | null;
  private position = 0;

  constructor(
    private readonly name: string,
    private readonly sizeBytes: number,
    private readonly path: string | null,
  ) {
    this.fd = path === null ? null : attempt('open', path, () => openSync(path, 'wx', 0o600));
  }

  write(piece: Buffer, offset: number): void {
    this.fillTo(offset);
    this.append(piece);
  }

  end(): SpooledEntry {
    this.fillTo(this.sizeBytes);
    if (this.fd !== null) closeSync(this.fd);
    const { name, sizeBytes, path } = this;
    const bytes = path === null ? Buffer.concat(this.chunks) : null;
    return { name, sizeBytes, path, bytes, digest: `sha256:${this.hash.digest('hex')}` };
  }

  discard(): void {
    if (this.fd !== null) closeSync(this.fd);
    if (this.path !== null) rmSync(this.path, { force: true });
  }

  /** A sparse file leaves its holes out. */
  private fillTo(offset: number): void {
    while (this.position < offset) this.append(Buffer.alloc(Math.min(offset - this.position, 1024 * 1024)));
  }

  private append(piece: Buffer): void {
    this.hash.update(piece);
    this.position += piece.length;
    const { fd } = this;
    if (fd === null) {
      this.chunks.push(Buffer.from(piece));
      return;
    }
    for (let at = 0; at < piece.length;) {
      at += attempt('write', this.path ?? '', () => writeSync(fd, piece, at, piece.length - at));
    }
  }
}
