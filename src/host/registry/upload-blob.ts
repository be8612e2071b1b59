import { setTimeout as delay } from 'node:timers/promises';
import { errorKind, internal } from '../../shared/errors.js';
import type { RegistryClient } from './registry-client.js';
import { RegistryError, registryErrorOf } from './registry-error.js';
import type { RequestBody } from './transport.js';

export interface BlobSource {
  digest: string;
  sizeBytes: number;
  /** The bytes from `start` up to, not including, `end`. */
  body(start: number, end: number): RequestBody;
}

export interface UploadOptions {
  /** Repositories of the same registry that may have it. */
  mountFrom: readonly string[];
  attempts: number;
  signal: AbortSignal;
  /** Called for each second of waiting before the next attempt. */
  onRetry?: (secondsLeft: number) => void;
}

/** Blobs up to this go in one request with their digest; larger ones in a session that can be taken up again. */
const MONOLITHIC_BYTES = 64 * 1024;
/** For registries, or proxies before them, that do not take a large body. */
const SMALL_PIECE_BYTES = 8 * 1024 * 1024;

/** An upload that the registry has opened. */
interface Session {
  url: string;
  offset: number;
  /** The registry takes no smaller pieces but the last; 0: it does not say. */
  minPieceBytes: number;
}

/**
 * Puts a blob into the repository: mounted from another one if it can be, else uploaded. A connection that breaks is taken up again
 * where the registry says that it broke. Resolves to the repository that it was mounted from, null when it was sent.
 */
export async function uploadBlob(
  client: RegistryClient,
  source: BlobSource,
  options: UploadOptions,
): Promise<string | null> {
  let opened: Session | null = null;
  for (const from of options.mountFrom) {
    const answer = await mount(client, source.digest, from, options.signal);
    if (answer === 'mounted') return from;
    opened = answer;
    // The registry has opened an upload instead: asking on would leave one open for each repository.
    if (opened) break;
  }
  let session: Session | null = opened;
  let pieceBytes = Infinity;
  for (let attempt = 1; ; attempt++) {
    const before = session?.offset ?? 0;
    try {
      session ??= await openSession(client, options.signal);
      await send(client, source, session, pieceBytes, options.signal);
      return null;
    } catch (error) {
      options.signal.throwIfAborted();
      if (error instanceof RegistryError && error.status === 413 && pieceBytes === Infinity) {
        pieceBytes = Math.max(SMALL_PIECE_BYTES, session?.minPieceBytes ?? 0);
        session = null;
        continue;
      }
      if (!isWorthRetrying(error) || attempt >= options.attempts) throw error;
      const seconds = Math.max(error instanceof RegistryError ? error.retryAfterSec : 0, attempt);
      for (let left = seconds; left > 0; left--) {
        options.onRetry?.(left);
        await delay(1000, undefined, { signal: options.signal });
      }
      session = session ? await resume(client, session, options.signal) : null;
      if (session && session.offset > before) attempt = 1;
    }
  }
}

/** A session: the registry would rather have it sent. null: it knows nothing of mounting. */
async function mount(
  client: RegistryClient,
  digest: string,
  from: string,
  signal: AbortSignal,
): Promise<'mounted' | Session | null> {
  const query = `mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(from)}`;
  const response = await client.request('POST', `blobs/uploads/?${query}`, signal, {
    headers: { 'content-length': 0 },
  });
  response.resume();
  if (response.statusCode === 201) return 'mounted';
  return response.statusCode === 202 && response.headers.location !== undefined ? sessionOf(client, response) : null;
}

async function openSession(client: RegistryClient, signal: AbortSignal): Promise<Session> {
  const response = await client.request('POST', 'blobs/uploads/', signal, { headers: { 'content-length': 0 } });
  if (response.statusCode !== 202) throw await registryErrorOf(response);
  response.resume();
  return sessionOf(client, response);
}

function sessionOf(
  client: RegistryClient,
  { headers }: { headers: Record<string, string | string[] | undefined> },
): Session {
  return {
    url: new URL(String(headers['location'] ?? ''), `${client.endpoint.apiUrl}/`).href,
    offset: 0,
    minPieceBytes: Number(headers['oci-chunk-min-length'] ?? 0) || 0,
  };
}

async function send(
  client: RegistryClient,
  source: BlobSource,
  session: Session,
  pieceBytes: number,
  signal: AbortSignal,
): Promise<void> {
  const { sizeBytes, digest } = source;
  if (sizeBytes > MONOLITHIC_BYTES) {
    while (session.offset < sizeBytes) {
      const end = Math.min(sizeBytes, session.offset + pieceBytes);
      await sendPiece(client, source, session, end, signal);
    }
  }
  const url = new URL(session.url);
  url.searchParams.set('digest', digest);
  const left = sizeBytes - session.offset;
  const response = await client.request('PUT', url.href, signal, {
    headers: { 'content-type': 'application/octet-stream', 'content-length': left },
    ...(left > 0 ? { body: () => source.body(session.offset, sizeBytes) } : {}),
  });
  if (response.statusCode !== 201) throw await registryErrorOf(response);
  response.resume();
}

async function sendPiece(
  client: RegistryClient,
  source: BlobSource,
  session: Session,
  end: number,
  signal: AbortSignal,
): Promise<void> {
  const start = session.offset;
  const response = await client.request('PATCH', session.url, signal, {
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': end - start,
      'content-range': `${start}-${end - 1}`,
    },
    body: () => source.body(start, end),
  });
  if (response.statusCode !== 202 && response.statusCode !== 204) throw await registryErrorOf(response);
  response.resume();
  session.url = new URL(response.headers.location ?? session.url, session.url).href;
  session.offset = end;
}

/** Asks how much of a broken upload has arrived; null: the registry has forgotten it. */
async function resume(client: RegistryClient, session: Session, signal: AbortSignal): Promise<Session | null> {
  try {
    const response = await client.request('GET', session.url, signal);
    response.resume();
    const last = /^(?:bytes=)?0-(\d+)$/.exec(String(response.headers['range'] ?? ''))?.[1];
    if (response.statusCode !== 204 || last === undefined) return null;
    const url = new URL(response.headers.location ?? session.url, session.url).href;
    // `0-0` is what registries say of an upload without a byte as well as of one with a single byte.
    return { ...session, url, offset: last === '0' ? 0 : Number(last) + 1 };
  } catch (error) {
    signal.throwIfAborted();
    if (errorKind(error) === 'cancelled') throw error;
    return null;
  }
}

function isWorthRetrying(error: unknown): boolean {
  if (!(error instanceof RegistryError)) return errorKind(error) === 'internal';
  // An upload that the registry lost, or whose pieces did not fit together, begins anew.
  return error.isTemporary || error.status === 416 || error.code === 'BLOB_UPLOAD_UNKNOWN';
}

/** For callers that have the blob in memory. */
export function bufferSource(digest: string, bytes: Buffer): BlobSource {
  if (bytes.length === 0) throw internal(`blob ${digest} is empty`);
  return { digest, sizeBytes: bytes.length, body: (start, end) => bytes.subarray(start, end) };
}
