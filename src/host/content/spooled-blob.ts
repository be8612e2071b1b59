import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * A blob that somebody else, a worker thread, writes and hashes: a path in the ingest folder that becomes the blob by
 * `commit`. Dispose of it: what was not committed goes.
 */
export class SpooledBlob implements AsyncDisposable {
  private settled = false;

  constructor(
    readonly path: string,
    private readonly targetOf: (digest: string) => string,
  ) {}

  /** Makes the file, once it is on disk, the blob of that digest, which the writer vouches for. */
  async commit(digest: string): Promise<void> {
    const target = this.targetOf(digest);
    await sync(this.path, 'r+');
    await rename(this.path, target);
    this.settled = true;
    await sync(dirname(target), 'r');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.settled) await rm(this.path, { force: true });
  }
}

async function sync(path: string, flags: string): Promise<void> {
  const file = await open(path, flags);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
