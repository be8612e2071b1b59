import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * A blob that somebody else, a worker thread, writes and hashes: a free path in the ingest folder that becomes the blob
 * by `commit`. Dispose of it: what was not committed goes.
 */
export class SpooledBlob implements AsyncDisposable {
  private settled = false;

  constructor(
    /** Nothing is there until the writer makes it. */
    readonly path: string,
    private readonly targetOf: (digest: string) => string,
  ) {}

  /** Makes the file the blob of that digest. The writer vouches for the digest, and has synced the data to disk. */
  async commit(digest: string): Promise<void> {
    const target = this.targetOf(digest);
    await rename(this.path, target);
    this.settled = true;
    const directory = await open(dirname(target), 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.settled) await rm(this.path, { force: true });
  }
}
