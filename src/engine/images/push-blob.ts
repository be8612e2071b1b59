import type { RegistryClient } from '../../host/registry/registry-client.js';
import { uploadBlob, type UploadOptions } from '../../host/registry/upload-blob.js';
import type { WriteBody } from '../../host/registry/transport.js';
import type { ImageContext } from './image-context.js';
import type { ProgressSink } from './image-service.js';

/** A blob of the content store that a registry is to get. */
export interface PushedBlob {
  digest: string;
  sizeBytes: number;
  /** What progress calls it. */
  id: string;
  /** Other repositories of the registry that may have it. */
  mountFrom: readonly string[];
}

const PROGRESS_INTERVAL_MS = 100;

/** Sends a blob, or has it mounted from another repository, and tells of it as dockerd does. */
export async function pushBlob(
  context: ImageContext,
  client: RegistryClient,
  { digest, sizeBytes: total, id, mountFrom }: PushedBlob,
  progress: ProgressSink,
  signal: AbortSignal,
): Promise<void> {
  let last = 0;
  const onSent = (current: number): void => {
    if (Date.now() - last < PROGRESS_INTERVAL_MS && current < total) return;
    last = Date.now();
    progress({ id, status: 'Pushing', progressDetail: { current, total } });
  };
  const body =
    (start: number, end: number): WriteBody =>
    (to) =>
      context.content.send(digest, { start, end }, to, onSent);
  const onRetry = (seconds: number): void =>
    progress({ id, status: `Retrying in ${seconds} second${seconds === 1 ? '' : 's'}`, progressDetail: {} });
  const options = { ...uploadOptions(context, signal), mountFrom, onRetry };
  const from = await uploadBlob(client, { digest, sizeBytes: total, body }, options);
  progress({ id, status: from === null ? 'Pushed' : `Mounted from ${from}`, progressDetail: {} });
}

export function uploadOptions(context: ImageContext, signal: AbortSignal): UploadOptions {
  return { mountFrom: [], attempts: context.registries.maxDownloadAttempts, signal };
}
