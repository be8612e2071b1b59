import { createHash } from 'node:crypto';
import { closeSync, fdatasyncSync, openSync, readSync, writeSync } from 'node:fs';
import { systemFault } from '../archive/archive-error.js';
import type { JobContext } from '../archive/jobs/job-context.js';
import { AdaptiveGzip } from './adaptive-gzip.js';

export interface CompressArguments {
  path: string;
  /** Overwritten. On disk for good when the job is done. */
  targetPath: string;
}

const CHUNK_BYTES = 1024 * 1024;
/** Small enough to be hashed and written out of the processor's cache. */
const WRITE_BYTES = 256 * 1024;

/** Gzips a file; the same bytes give the same bytes. The progress is that of the source. */
export async function compressJob(
  { path, targetPath }: CompressArguments,
  context: JobContext,
): Promise<{ digest: string; sizeBytes: number }> {
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  const source = openFile(path, 'r');
  try {
    using target = new HashedFile(targetPath);
    using gzip = new AdaptiveGzip();
    const write = (piece: Buffer): void => target.write(piece);
    target.write(gzip.start());
    for (let readBytes = 0; ;) {
      const chunk = buffer.subarray(0, fill(source, buffer, path));
      gzip.push(chunk, write);
      if (chunk.length < buffer.length) break;
      context.progress((readBytes += chunk.length));
      // One synchronous stretch otherwise, and an abort would never be heard.
      await new Promise((resolve) => setImmediate(resolve));
      context.signal.throwIfAborted();
    }
    target.write(gzip.end());
    return target.finish();
  } finally {
    closeSync(source);
  }
}

/** Fills the buffer unless the file ends before; how many bytes there are. */
function fill(fd: number, buffer: Buffer, path: string): number {
  let bytes = 0;
  try {
    for (let read = -1; read !== 0 && bytes < buffer.length; bytes += read) {
      read = readSync(fd, buffer, bytes, buffer.length - bytes, null);
    }
  } catch (error) {
    throw systemFault('read', path, error);
  }
  return bytes;
}

function openFile(path: string, flags: string): number {
  try {
    return openSync(path, flags, 0o600);
  } catch (error) {
    throw systemFault('open', path, error);
  }
}

/** A file, and the digest of what was written to it. */
class HashedFile implements Disposable {
  private readonly fd: number;
  private readonly hash = createHash('sha256');
  private readonly pending = Buffer.allocUnsafeSlow(WRITE_BYTES);
  private pendingBytes = 0;
  private sizeBytes = 0;

  constructor(private readonly path: string) {
    this.fd = openFile(path, 'w');
  }

  write(piece: Buffer): void {
    if (this.pendingBytes + piece.length > this.pending.length) this.flush();
    if (piece.length > this.pending.length) return this.put(piece);
    this.pending.set(piece, this.pendingBytes);
    this.pendingBytes += piece.length;
  }

  /** All is written: brings it to the disk. */
  finish(): { digest: string; sizeBytes: number } {
    this.flush();
    try {
      fdatasyncSync(this.fd);
    } catch (error) {
      throw systemFault('fdatasync', this.path, error);
    }
    return { digest: `sha256:${this.hash.digest('hex')}`, sizeBytes: this.sizeBytes };
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }

  private flush(): void {
    const bytes = this.pending.subarray(0, this.pendingBytes);
    this.pendingBytes = 0;
    this.put(bytes);
  }

  private put(bytes: Buffer): void {
    this.hash.update(bytes);
    this.sizeBytes += bytes.length;
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(this.fd, bytes, done);
    } catch (error) {
      throw systemFault('write', this.path, error);
    }
  }
}
