import { setTimeout as delay } from 'node:timers/promises';
import { internal } from '../../shared/errors.js';
import type { RegistryClient } from './registry-client.js';
import { RegistryError } from './registry-error.js';

/** Where a download goes: knows how far it is, and can begin again. */
export interface BlobSink {
  readonly offset: number;
  write(chunk: Buffer): Promise<void>;
  restart(): Promise<void>;
}

export interface DownloadOptions {
  attempts: number;
  signal: AbortSignal;
  /** As the manifest says; what is longer is refused without being read to its end. */
  sizeBytes?: number;
  /** Bytes here so far, those of earlier attempts included. */
  onProgress?: (bytes: number) => void;
  /** Called for each second of waiting before the next attempt. */
  onRetry?: (secondsLeft: number) => void;
}

/**
 * Fetches a blob into the sink, from the sink's offset on. A connection that fails is taken up again where it broke, after
 * a wait that grows. The sink, not this, verifies the digest.
 */
export async function downloadBlob(
  client: RegistryClient,
  digest: string,
  sink: BlobSink,
  options: DownloadOptions,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const startedAt = sink.offset;
    try {
      return await attemptDownload(client, digest, sink, options);
    } catch (error) {
      options.signal.throwIfAborted();
      // What came before the break counts: only attempts that brought nothing use up the patience.
      if (sink.offset > startedAt) attempt = 1;
      if (!isWorthRetrying(error) || attempt >= options.attempts) throw error;
      for (let seconds = attempt; seconds > 0; seconds--) {
        options.onRetry?.(seconds);
        await delay(1000, undefined, { signal: options.signal });
      }
    }
  }
}

async function attemptDownload(
  client: RegistryClient,
  digest: string,
  sink: BlobSink,
  options: DownloadOptions,
): Promise<void> {
  const { sizeBytes, signal } = options;
  if (sizeBytes !== undefined && sink.offset > sizeBytes) await sink.restart();
  if (sizeBytes !== undefined && sizeBytes > 0 && sink.offset === sizeBytes) return;
  const { body, startOffset, totalBytes } = await client.blob(digest, sink.offset, signal);
  try {
    if (startOffset !== sink.offset) await sink.restart();
    for await (const chunk of body as AsyncIterable<Buffer>) {
      if (sizeBytes !== undefined && sizeBytes > 0 && sink.offset + chunk.length > sizeBytes) {
        throw new RegistryError('internal', `blob ${digest} is larger than its manifest says`, '', 0);
      }
      await sink.write(chunk);
      options.onProgress?.(sink.offset);
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw error;
  } finally {
    body.destroy();
  }
  const expected = totalBytes ?? sizeBytes;
  if (expected !== undefined && sink.offset < expected) throw internal('unexpected EOF');
}

function isWorthRetrying(error: unknown): boolean {
  if (error instanceof RegistryError) return error.isTemporary;
  return (
    error instanceof Error && !('code' in error && ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO'].includes(String(error.code)))
  );
}
