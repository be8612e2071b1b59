import { createHash, type Hash } from 'node:crypto';
import { closeSync, createReadStream, fdatasyncSync, fstatSync, ftruncateSync, openSync, writevSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { internal } from '../../shared/errors.js';
import { systemFault, UNEXPECTED_EOF } from '../archive/archive-error.js';
import type { JobContext } from '../archive/jobs/job-context.js';
import { YoungGarbage } from '../archive/young-garbage.js';
import type { TlsSettings } from './client-certificates.js';
import { readBody } from './read-body.js';
import { MAX_ERROR_BYTES, type Refusal } from './registry-error.js';
import type { NetworkConfig } from './registry-config.js';
import { Transport } from './transport.js';

export interface DownloadArguments {
  network: NetworkConfig;
  url: string;
  /** Authorization among them. */
  headers: Record<string, string>;
  tls: TlsSettings;
  /** Grows from what is there; a missing file is made. */
  path: string;
  digest: string;
  /** As the manifest says, 0 when it does not; what is longer is refused without being read to its end. */
  sizeBytes: number;
}

/** `corrupt`: all came, but with another digest; the file is empty again. `resumed`: some of it was from an earlier attempt. */
export type DownloadResult =
  { outcome: 'complete' } | { outcome: 'corrupt'; resumed: boolean } | { outcome: 'refused'; refusal: Refusal };

const READ_BYTES = 1024 * 1024;
/** Chunks of a socket are written together: a system call for each costs more than the bytes. */
const WRITE_BYTES = 512 * 1024;
/** What a slow registry has sent must not wait for more: a daemon that is killed would lose it. */
const WRITE_MS = 200;
const PROGRESS_MS = 50;

/**
 * One attempt to complete a blob's file: hashes what is there, asks for the rest, hashes and writes it, and compares the
 * digest. All of it runs on the job's thread, so that the daemon's loop sees nothing of the bytes. A failure keeps what has
 * come; the progress tells how much that is.
 */
export async function downloadJob(args: DownloadArguments, context: JobContext): Promise<DownloadResult> {
  using file = new PartialFile(args.path, context);
  if (args.sizeBytes > 0 && file.onDisk > args.sizeBytes) file.restart();
  await file.hashRest();
  const resumed = file.offset > 0;
  if (args.sizeBytes === 0 || file.offset < args.sizeBytes) {
    const refusal = await receive(args, file, context);
    if (refusal) return { outcome: 'refused', refusal };
  }
  if (file.digest() !== args.digest) {
    file.restart();
    return { outcome: 'corrupt', resumed };
  }
  file.sync();
  return { outcome: 'complete' };
}

async function receive(args: DownloadArguments, file: PartialFile, context: JobContext): Promise<Refusal | null> {
  const { signal } = context;
  const range = file.offset > 0 ? { range: `bytes=${file.offset}-` } : {};
  const headers = { ...args.headers, ...range };
  const response = await transportFor(args.network).send({
    method: 'GET',
    url: args.url,
    headers,
    tls: args.tls,
    signal,
  });
  try {
    const refusal = await begin(response, file);
    if (refusal) return refusal;
    context.progress(file.offset);
    const length = Number(response.headers['content-length'] ?? NaN);
    const expected = Number.isNaN(length) ? args.sizeBytes : file.offset + length;
    const garbage = new YoungGarbage();
    for await (const chunk of response as AsyncIterable<Buffer>) {
      if (args.sizeBytes > 0 && file.offset + chunk.length > args.sizeBytes) {
        file.restart();
        throw internal(`blob ${args.digest} is larger than its manifest says`);
      }
      file.add(chunk);
      garbage.drop(chunk.length);
    }
    file.flush();
    if (file.offset < expected) throw internal(UNEXPECTED_EOF);
    return null;
  } catch (error) {
    file.flush();
    signal.throwIfAborted();
    throw error;
  } finally {
    response.destroy();
  }
}

/** Sets the file to where the answer's bytes start; or gives the answer that brings none. */
async function begin(response: IncomingMessage, file: PartialFile): Promise<Refusal | null> {
  const status = response.statusCode ?? 0;
  if (status === 206) {
    const start = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers['content-range'] ?? '')?.[1];
    if (Number(start) === file.offset) return null;
    file.restart();
    throw internal('registry answered another range than asked for');
  }
  if (status === 200) {
    if (file.offset > 0) file.restart(); // it knows no ranges
    return null;
  }
  // What is here can't be the beginning of what is there.
  if (status === 416) file.restart();
  const { 'www-authenticate': authenticate = '', 'retry-after': retryAfter = '' } = response.headers;
  return { status, authenticate, retryAfter, body: (await readBody(response, MAX_ERROR_BYTES)).toString('utf8') };
}

/** The file of a download that may be cut: what is in it and the hash of that go together. */
class PartialFile implements Disposable {
  offset = 0;
  private readonly fd: number;
  private hash: Hash = createHash('sha256');
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private reportedAt = 0;
  private writtenAt = 0;

  constructor(
    private readonly path: string,
    private readonly context: JobContext,
  ) {
    this.fd = this.attempt('open', () => openSync(path, 'a', 0o600));
  }

  get onDisk(): number {
    return fstatSync(this.fd).size;
  }

  /** Takes in what an earlier attempt, of this or a former process, left. */
  async hashRest(): Promise<void> {
    for await (const chunk of createReadStream(this.path, { highWaterMark: READ_BYTES }) as AsyncIterable<Buffer>) {
      this.context.signal.throwIfAborted();
      this.hash.update(chunk);
      this.offset += chunk.length;
    }
    if (this.offset > 0) this.context.progress(this.offset);
  }

  add(chunk: Buffer): void {
    this.hash.update(chunk);
    this.pending.push(chunk);
    this.pendingBytes += chunk.length;
    this.offset += chunk.length;
    if (this.pendingBytes >= WRITE_BYTES || Date.now() - this.writtenAt > WRITE_MS) this.flush();
  }

  flush(): void {
    this.writtenAt = Date.now();
    let pieces = this.pending;
    this.pending = [];
    this.pendingBytes = 0;
    while (pieces.length > 0) {
      const written = this.attempt('write', () => writevSync(this.fd, pieces));
      pieces = after(pieces, written);
    }
    if (Date.now() - this.reportedAt < PROGRESS_MS) return;
    this.reportedAt = Date.now();
    this.context.progress(this.offset);
  }

  restart(): void {
    ftruncateSync(this.fd, 0);
    this.pending = [];
    this.pendingBytes = this.offset = 0;
    this.hash = createHash('sha256');
  }

  digest(): string {
    return `sha256:${this.hash.copy().digest('hex')}`;
  }

  sync(): void {
    this.attempt('fdatasync', () => fdatasyncSync(this.fd));
  }

  [Symbol.dispose](): void {
    this.context.progress(this.offset);
    closeSync(this.fd);
  }

  private attempt<T>(operation: string, call: () => T): T {
    try {
      return call();
    } catch (error) {
      throw systemFault(operation, this.path, error);
    }
  }
}

/** What is left of the pieces after so many bytes. */
function after(pieces: Buffer[], bytes: number): Buffer[] {
  let skip = bytes;
  let first = 0;
  while (first < pieces.length && skip >= (pieces[first]?.length ?? 0)) skip -= pieces[first++]?.length ?? 0;
  const left = pieces.slice(first);
  if (skip > 0 && left[0]) left[0] = left[0].subarray(skip);
  return left;
}

let kept: { key: string; transport: Transport } | null = null;

/** A thread keeps its connections from one job to the next. */
function transportFor(network: NetworkConfig): Transport {
  const key = JSON.stringify(network);
  if (kept?.key !== key) {
    kept?.transport[Symbol.dispose]();
    kept = { key, transport: new Transport(network) };
  }
  return kept.transport;
}
