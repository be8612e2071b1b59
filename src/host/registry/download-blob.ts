import { setTimeout as delay } from 'node:timers/promises';
import { errorKind, internal } from '../../shared/errors.js';
import { errnoOf } from '../archive/archive-error.js';
import { submitArchiveJob } from '../archive/archive-workers.js';
import type { RegistryClient } from './registry-client.js';
import { RegistryError } from './registry-error.js';

export interface DownloadOptions {
  attempts: number;
  signal: AbortSignal;
  /** As the manifest says; 0: not known. */
  sizeBytes: number;
  /** Bytes here so far, those of earlier attempts included. */
  onProgress?: (bytes: number) => void;
  /** Called for each second of waiting before the next attempt. */
  onRetry?: (secondsLeft: number) => void;
}

/** A registry may ask for patience up to this; what asks for more is an error now. */
const MAX_WAIT_SEC = 120;
/** Trying again does not help against these. */
const FINAL_CODES = ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EACCES'];

/**
 * Completes the file at `path`, from what is in it on, and verifies its digest; it is on disk for good then. A connection that
 * fails is taken up again where it broke, after a wait that grows, or is as long as the registry says. Throws internal
 * `filesystem layer verification failed…` for other bytes than promised.
 */
export async function downloadBlob(
  client: RegistryClient,
  digest: string,
  path: string,
  options: DownloadOptions,
): Promise<void> {
  let here = 0;
  const onProgress = (bytes: number): void => {
    here = bytes;
    options.onProgress?.(bytes);
  };
  for (let attempt = 1; ; attempt++) {
    const before = here;
    try {
      return await attemptDownload(client, digest, path, { ...options, onProgress });
    } catch (error) {
      options.signal.throwIfAborted();
      // What came before the break counts: only attempts that brought nothing use up the patience.
      if (here > before) attempt = 1;
      const seconds = Math.max(retryAfterSec(error), attempt);
      if (!isWorthRetrying(error) || attempt >= options.attempts || seconds > MAX_WAIT_SEC) throw error;
      for (let left = seconds; left > 0; left--) {
        options.onRetry?.(left);
        await delay(1000, undefined, { signal: options.signal });
      }
    }
  }
}

async function attemptDownload(
  client: RegistryClient,
  digest: string,
  path: string,
  options: DownloadOptions & { onProgress: (bytes: number) => void },
): Promise<void> {
  const { signal, sizeBytes, onProgress } = options;
  for (let challenged = false; ;) {
    const args = { ...(await client.blobRequest(digest, signal)), path, digest, sizeBytes };
    const result = await submitArchiveJob('download', args, { signal, onProgress });
    if (result.outcome === 'complete') return;
    if (result.outcome === 'corrupt') {
      // A part that a crash of the machine damaged is not the registry's fault.
      if (result.resumed) continue;
      throw internal(`filesystem layer verification failed for digest ${digest}`);
    }
    // The token ran out, or the registry asks only for blobs.
    if (challenged || !(await client.answerChallenge(result.refusal, signal))) throw RegistryError.of(result.refusal);
    challenged = true;
  }
}

function retryAfterSec(error: unknown): number {
  return error instanceof RegistryError ? error.retryAfterSec : 0;
}

function isWorthRetrying(error: unknown): boolean {
  if (error instanceof RegistryError) return error.isTemporary;
  if (errorKind(error) === 'cancelled' || FINAL_CODES.includes(errnoOf(error) ?? '')) return false;
  return error instanceof Error && !error.message.startsWith('filesystem layer verification failed');
}
