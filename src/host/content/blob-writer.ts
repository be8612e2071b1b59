import { createHash, type Hash } from 'node:crypto';
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

import { systemFault } from '../archive/archive-error.js';
import { invalid } from '../../shared/errors.js';

/**
 * A blob on its way into the content store. Bytes are hashed as they are written to a file in the ingest folder, which
 * becomes the blob only by `commit`. One writer per file at a time: who opens it sees to that.
 */
export class BlobWriter implements AsyncDisposable {
  private closed = false;

  private readonly hash: Hash = createHash('sha256');
  private written = 0;

  private constructor(
    private readonly file: FileHandle,
    private readonly path: string,
    private readonly targetOf: (digest: string) => string,
  ) {}

  /** Opens a new file. */
  static async open(path: string, targetOf: (digest: string) => string): Promise<BlobWriter> {
    return new BlobWriter(await open(path, 'w', 0o600), path, targetOf);
  }

  /** Throws ArchiveError `write …: no space left on device` and the like. */
  async write(chunk: Uint8Array): Promise<void> {
    this.hash.update(chunk);
    let done = 0;
    while (done < chunk.length) {
      try {
        const { bytesWritten } = await this.file.write(chunk, done, chunk.length - done, this.written);
        done += bytesWritten;
        this.written += bytesWritten;
      } catch (error) {
        throw systemFault('write', this.path, error);
      }
    }
  }

  /** The digest of what has been written so far. */
  digest(): string {
    return `sha256:${this.hash.copy().digest('hex')}`;
  }

  /**
   * Makes it a blob and closes the writer: durable and complete, or not there at all. A digest other than
   * `expectedDigest` is invalid `wrong digest…`.
   */
  async commit(expectedDigest?: string): Promise<{ digest: string; sizeBytes: number }> {
    const digest = this.digest();
    if (expectedDigest !== undefined && digest !== expectedDigest) {
      throw invalid(`wrong digest: expected ${expectedDigest}, got ${digest}`);
    }
    await this.file.datasync();
    await this.close();
    await moveDurably(this.path, this.targetOf(digest));
    return { digest, sizeBytes: this.written };
  }

  /** Throws the bytes away. Does nothing after a commit. */
  async abort(): Promise<void> {
    if (this.closed) return;
    await this.close();
    await rm(this.path, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.abort();
  }

  private async close(): Promise<void> {
    this.closed = true;
    await this.file.close();
  }
}

/** Renames a file that is on disk, so that a crash can't take the new name back. */
export async function moveDurably(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncDirectory(dirname(to));
}

async function syncDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
