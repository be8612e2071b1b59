import { randomUUID } from 'node:crypto';
import { mkdirSync, renameSync } from 'node:fs';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { digestHex, digestOf, isDigest } from '../../shared/digest.js';
import { hasCode, internal, invalid, notFound } from '../../shared/errors.js';
import { KeyedLock } from '../../shared/keyed-lock.js';
import { Semaphore } from '../../shared/semaphore.js';
import { submitArchiveJob } from '../archive/archive-workers.js';
import { diskSpace } from '../overlay/disk-space.js';
import { BlobWriter, moveDurably } from './blob-writer.js';
import { sendFile } from './send-file.js';
import { SpooledBlob } from './spooled-blob.js';

const PARTIAL_SUFFIX = '.partial';

/** A download, and those who wait for it. */
interface Watched {
  bytes: number;
  watchers: Set<{ onProgress: (bytes: number) => void }>;
}

/**
 * Blobs by digest, byte for byte as they were served: `<root>/blobs/sha256/<hex>`. A file there is complete and has that
 * digest; unfinished ones live in `<root>/ingest`, where a download that was cut is found again by its digest.
 */
export class ContentStore {
  private readonly blobs: string;
  private readonly ingest: string;
  private readonly downloads = new KeyedLock();
  /** Who waits for a download, by digest. */
  private readonly watched = new Map<string, Watched>();
  /** Bound by the processor: more threads at once would only take memory. */
  private readonly compressing = new Semaphore(availableParallelism());

  constructor(root: string) {
    this.blobs = join(root, 'blobs', 'sha256');
    this.ingest = join(root, 'ingest');
    for (const dir of [this.blobs, this.ingest]) mkdirSync(dir, { recursive: true, mode: 0o700 });
  }

  /** Where the blob is, or would be. Throws invalid for what is no sha256 digest. */
  path(digest: string): string {
    if (!isDigest(digest)) throw invalid(`invalid digest: ${JSON.stringify(digest)}`);
    return join(this.blobs, digestHex(digest));
  }

  /** Its size in bytes; null: not here. */
  async size(digest: string): Promise<number | null> {
    return sizeOf(this.path(digest));
  }

  async has(digest: string): Promise<boolean> {
    return (await this.size(digest)) !== null;
  }

  /** Writes a part of the blob (without the byte at `end`) to a stream, and says how far it is; see sendFile(). */
  send(
    digest: string,
    range: { start: number; end: number },
    to: Writable,
    onSent: (position: number) => void,
  ): Promise<void> {
    return sendFile(this.path(digest), range, to, onSent);
  }

  /** The whole blob, which must not be longer than `maxBytes`. Throws not-found. */
  async read(digest: string, maxBytes: number): Promise<Buffer> {
    const sizeBytes = await this.size(digest);
    if (sizeBytes === null) throw notFound(`content ${digest}: not found`);
    if (sizeBytes > maxBytes) throw internal(`content ${digest}: ${sizeBytes} bytes are too many`);
    return readFile(this.path(digest));
  }

  /** Stores bytes from memory. Does nothing when they are there. */
  async put(bytes: Uint8Array): Promise<{ digest: string; sizeBytes: number }> {
    const digest = digestOf(bytes);
    if (await this.has(digest)) return { digest, sizeBytes: bytes.length };
    await using writer = await this.newBlob();
    await writer.write(bytes);
    return await writer.commit(digest);
  }

  /** Stores a blob gzipped, as another blob; the same one gives the same one. */
  async compress(digest: string, signal: AbortSignal): Promise<{ digest: string; sizeBytes: number }> {
    const targetPath = join(this.ingest, randomUUID());
    try {
      const args = { path: this.path(digest), targetPath };
      const made = await this.compressing.run(() => submitArchiveJob('compress', args, { signal }), signal);
      await moveDurably(targetPath, this.path(made.digest));
      return made;
    } catch (error) {
      await rm(targetPath, { force: true });
      throw error;
    }
  }

  /** A writer for a blob whose digest is not yet known. Dispose of it: uncommitted bytes go. */
  newBlob(): Promise<BlobWriter> {
    return BlobWriter.open(join(this.ingest, randomUUID()), (digest) => this.path(digest));
  }

  /** Where worker threads may write what is to become blobs; see `adopt`. */
  get ingestDirectory(): string {
    return this.ingest;
  }

  /** A free place for a blob that a worker thread writes. Dispose of it: what was not committed goes. */
  newSpooled(): SpooledBlob {
    return this.adopt(join(this.ingest, randomUUID()));
  }

  /** The same for a file of the ingest directory that is written already. */
  adopt(path: string): SpooledBlob {
    return new SpooledBlob(path, (digest) => this.path(digest));
  }

  /**
   * Fetches a blob that is not here yet: `fetch` completes the file at the path it is given, which may have a part from an earlier
   * attempt, of this or a former process, and reports how many bytes are there; when it resolves, the file has that digest and is
   * on disk for good. Asked twice at once for the same digest, the second waits for the first, whose progress both are told.
   * Whether it was fetched (false: it was here). A part stays for the next attempt.
   */
  async fetch(
    digest: string,
    fetch: (path: string, report: (bytes: number) => void) => Promise<void>,
    signal: AbortSignal,
    onProgress: (bytes: number) => void = () => undefined,
  ): Promise<boolean> {
    using watching = this.watch(digest, onProgress);
    using _ = await this.downloads.acquire(digest, signal);
    if (await this.has(digest)) return false;
    const partial = this.partialPath(digest);
    try {
      await fetch(partial, watching.tellAll);
    } catch (error) {
      if ((await sizeOf(partial)) === 0) await rm(partial, { force: true });
      throw error;
    }
    await moveDurably(partial, this.path(digest));
    return true;
  }

  /** How much of a blob is here already, finished or not. */
  async partialBytes(digest: string): Promise<number> {
    return (await this.size(digest)) ?? (await sizeOf(this.partialPath(digest))) ?? 0;
  }

  /** Bytes that may still be written to the file system of the blobs. */
  availableBytes(): number {
    return diskSpace(this.blobs).availableBytes;
  }

  /**
   * Takes a blob that nobody refers to back to the state of a finished download, so that a retry need not fetch it. It is gone when
   * the call returns, before anybody else can come to count on it.
   */
  demote(digest: string): void {
    moveIfThere(this.path(digest), this.partialPath(digest));
  }

  /** Gone when the call returns, before anybody else can come to count on it; its space is free when the promise resolves. */
  async remove(digest: string): Promise<void> {
    const doomed = join(this.ingest, randomUUID());
    if (moveIfThere(this.path(digest), doomed)) await rm(doomed, { force: true });
  }

  /** The digests of all blobs. */
  async list(): Promise<string[]> {
    return (await readdir(this.blobs)).map((hex) => `sha256:${hex}`).filter(isDigest);
  }

  /** The digest that the blob's bytes really have. Runs on a worker thread. */
  async measure(digest: string, signal: AbortSignal): Promise<string> {
    return submitArchiveJob('hash-file', { path: this.path(digest) }, { signal });
  }

  /**
   * Clears the ingest folder of what no running operation can own: everything unnamed, and partial downloads older than
   * `partialAgeMs`. Only before operations start.
   */
  async sweepIngest(partialAgeMs: number): Promise<void> {
    for (const name of await readdir(this.ingest)) {
      const path = join(this.ingest, name);
      const { mtimeMs } = await stat(path);
      if (name.endsWith(PARTIAL_SUFFIX) && Date.now() - mtimeMs < partialAgeMs) continue;
      await rm(path, { force: true });
    }
  }

  private watch(
    digest: string,
    onProgress: (bytes: number) => void,
  ): Disposable & { tellAll: (bytes: number) => void } {
    const watched = this.watched.get(digest) ?? { bytes: 0, watchers: new Set() };
    this.watched.set(digest, watched);
    // An object of its own: two may watch with the same function.
    const watcher = { onProgress };
    watched.watchers.add(watcher);
    if (watched.bytes > 0) onProgress(watched.bytes);
    return {
      tellAll: (bytes) => {
        watched.bytes = bytes;
        for (const one of watched.watchers) one.onProgress(bytes);
      },
      [Symbol.dispose]: () => {
        watched.watchers.delete(watcher);
        if (watched.watchers.size === 0) this.watched.delete(digest);
      },
    };
  }

  private partialPath(digest: string): string {
    this.path(digest);
    return join(this.ingest, digestHex(digest) + PARTIAL_SUFFIX);
  }
}

/** null: there is no such file. */
async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

/** Whether it was there. */
function moveIfThere(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}
