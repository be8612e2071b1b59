import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

import { systemFault } from '../archive/archive-error.js';
import { hasCode, invalid } from '../../shared/errors.js';

/**
 * A blob on its way into the content store. Bytes are hashed as they are written to a file in the ingest folder, which
 * becomes the blob only by `commit`. One writer per file at a time: who opens it sees to that.
 */
export class BlobWriter implements AsyncDisposable {
  private closed = false;

  private constructor(
    private readonly file: FileHandle,
    private readonly path: string,
    private readonly targetOf: (digest: string) => string,
    private readonly keepPartial: boolean,
    private hash: Hash,
    private written: number,
  ) {}

  /**
   * Opens the file. With `resume`, what an earlier writer left is hashed and kept, and disposing without a commit keeps
   * it again; without, it starts empty and disposing removes it.
   */
  static async open(
    path: string,
    targetOf: (digest: string) => string,
    options: { resume: boolean; signal?: AbortSignal },
  ): Promise<BlobWriter> {
    const hash = createHash('sha256');
    let sizeBytes = 0;
    if (options.resume) {
      try {
        sizeBytes = (await stat(path)).size;
        for await (const chunk of createReadStream(path, { signal: options.signal })) hash.update(chunk as Buffer);
      } catch (error) {
        if (!hasCode(error, 'ENOENT')) throw error;
      }
    }
    const file = await open(path, options.resume && sizeBytes > 0 ? 'r+' : 'w', 0o600);
    return new BlobWriter(file, path, targetOf, options.resume, hash, sizeBytes);
  }

  /** Bytes written so far, those of an earlier attempt included: where a download goes on. */
  get offset(): number {
    return this.written;
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

  /** Forgets what has been written: the next byte is the first. */
  async restart(): Promise<void> {
    await this.file.truncate(0);
    this.hash = createHash('sha256');
    this.written = 0;
  }

  /** The digest of what has been written so far. */
  digest(): string {
    return `sha256:${this.hash.copy().digest('hex')}`;
  }

  /**
   * Makes it a blob and closes the writer: durable and complete, or not there at all. A digest other than
   * `expectedDigest` is invalid `wrong digest…`, and the bytes are thrown away.
   */
  async commit(expectedDigest?: string): Promise<{ digest: string; sizeBytes: number }> {
    const digest = this.digest();
    if (expectedDigest !== undefined && digest !== expectedDigest) {
      await this.restart();
      throw invalid(`wrong digest: expected ${expectedDigest}, got ${digest}`);
    }
    await this.file.datasync();
    await this.close();
    const target = this.targetOf(digest);
    await rename(this.path, target);
    await syncDirectory(dirname(target));
    return { digest, sizeBytes: this.written };
  }

  /** Throws the bytes away. Does nothing after a commit. */
  async abort(): Promise<void> {
    if (this.closed) return;
    await this.close();
    await rm(this.path, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.closed) return;
    if (this.keepPartial && this.written > 0) await this.close();
    else await this.abort();
  }

  private async close(): Promise<void> {
    this.closed = true;
    await this.file.close();
  }
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
