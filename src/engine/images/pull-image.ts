import { setTimeout as delay } from 'node:timers/promises';
import type { RegistryClient, ServedManifest } from '../../host/registry/registry-client.js';
import { downloadBlob } from '../../host/registry/download-blob.js';
import { RegistryError } from '../../host/registry/registry-error.js';
import { chainIdsOf } from '../../shared/chain-id.js';
import { humanSize } from '../../shared/byte-size.js';
import { shortDigest } from '../../shared/digest.js';
import { internal, invalid, WharfError } from '../../shared/errors.js';
import { Semaphore } from '../../shared/semaphore.js';
import type { ImageContext } from './image-context.js';
import { parseImageConfig } from './image-config.js';
import type { Descriptor, Image } from './image.js';
import type { LayerBlobRecord, LayerRecord } from './image-repository.js';
import type { ProgressSink } from './image-service.js';
import { MAX_CONFIG_BYTES, type Manifest } from './manifest.js';

/** The manifest of one image, and the one (an index perhaps) that the registry gave for the reference. */
export interface ChosenManifest {
  served: ServedManifest;
  manifest: ServedManifest;
  parsed: Manifest & { kind: 'image' };
}

/** More at once gains nothing: unpacking is bound by the processor, which downloads and other requests need as well. */
const MAX_UNPACKING = 2;
const PROGRESS_INTERVAL_MS = 100;

/**
 * Fetches what is missing of an image and puts it into the store, without a name. Layers come several at once, each
 * unpacked as soon as it is here and verified.
 */
export async function pullImage(
  context: ImageContext,
  client: RegistryClient,
  chosen: ChosenManifest,
  progress: ProgressSink,
  signal: AbortSignal,
): Promise<Image> {
  await using lease = context.layers.lease('demote');
  const digests = [...new Set([chosen.served.digest, chosen.manifest.digest])];
  const config = await fetchConfig(context, client, chosen.parsed.config, signal);
  const { diffIds } = parseImageConfig(config);
  if (diffIds.length !== chosen.parsed.layers.length) {
    throw invalid("layers from manifest don't match image configuration");
  }
  const chainIds = chainIdsOf(diffIds);
  lease.hold(...chainIds, ...digests, ...chosen.parsed.layers.map((layer) => layer.digest));
  const known = context.store.get(chosen.parsed.config.digest);
  const jobs = chosen.parsed.layers.map((descriptor, i) => ({
    descriptor,
    diffId: diffIds[i] ?? '',
    chainId: chainIds[i] ?? '',
  }));
  if (!known) await refuseTooLarge(context, jobs);
  const pulled = known ? { layers: [], blobs: [] } : await pullLayers(context, client, jobs, progress, signal);
  for (const { bytes } of [chosen.served, chosen.manifest]) await context.content.put(bytes);
  const descriptor: Descriptor = {
    mediaType: chosen.served.mediaType,
    digest: chosen.served.digest,
    sizeBytes: chosen.served.bytes.length,
  };
  const image = { id: chosen.parsed.config.digest, config, parentId: '', descriptor, manifestDigests: digests };
  return context.store.add(image, pulled.layers, pulled.blobs);
}

async function fetchConfig(
  context: ImageContext,
  client: RegistryClient,
  descriptor: Descriptor,
  signal: AbortSignal,
): Promise<Buffer> {
  const known = context.store.configOf(descriptor.digest);
  if (known) return known;
  if (descriptor.sizeBytes > MAX_CONFIG_BYTES) throw invalid('image configuration is too large');
  for (let attempt = 1; ; attempt++) {
    try {
      return await client.smallBlob(descriptor.digest, MAX_CONFIG_BYTES, signal);
    } catch (error) {
      signal.throwIfAborted();
      const isTemporary = error instanceof RegistryError ? error.isTemporary : isNetworkFailure(error);
      if (!isTemporary || attempt >= context.registries.maxDownloadAttempts) throw error;
      await delay(attempt * 1000, undefined, { signal });
    }
  }
}

/** Cut connections, not answers that say something else than hoped for. */
function isNetworkFailure(error: unknown): boolean {
  return !(error instanceof WharfError) || / EOF$|connection (refused|reset)|timeout/.test(error.message);
}

/** Throws when the disk has no room for what the manifest says, before anything is written. */
async function refuseTooLarge(context: ImageContext, jobs: LayerJob[]): Promise<void> {
  let neededBytes = 0;
  for (const { descriptor, chainId } of jobs) {
    if (context.layers.find(chainId) !== null) continue;
    // Its files take about as much as the archive at least; how much more only shows when it is unpacked.
    const missing = descriptor.sizeBytes - (await context.content.partialBytes(descriptor.digest));
    neededBytes += Math.max(0, missing) + descriptor.sizeBytes;
  }
  if (neededBytes <= context.content.availableBytes()) return;
  await context.layers.settled();
  const availableBytes = context.content.availableBytes();
  if (neededBytes <= availableBytes) return;
  throw internal(
    `the image needs at least ${humanSize(neededBytes)} on disk, but only ${humanSize(availableBytes)} are available: ` +
      'no space left on device',
  );
}

interface LayerJob {
  descriptor: Descriptor;
  diffId: string;
  chainId: string;
}

async function pullLayers(
  context: ImageContext,
  client: RegistryClient,
  jobs: LayerJob[],
  progress: ProgressSink,
  signal: AbortSignal,
): Promise<{ layers: LayerRecord[]; blobs: LayerBlobRecord[] }> {
  const unpacking = new Semaphore(MAX_UNPACKING);
  const missing = jobs.filter((job) => context.layers.find(job.chainId) === null);
  for (const job of jobs) {
    const status = missing.includes(job) ? 'Pulling fs layer' : 'Already exists';
    progress({ id: shortDigest(job.descriptor.digest), status, progressDetail: {} });
  }
  for (const job of missing.slice(context.downloads.count)) {
    progress({ id: shortDigest(job.descriptor.digest), status: 'Waiting', progressDetail: {} });
  }
  const failure = new AbortController();
  const either = AbortSignal.any([signal, failure.signal]);
  const work = missing.map(async (job) => {
    try {
      await context.downloads.run(() => downloadLayer(context, client, job, progress, either), either);
      return await unpacking.run(() => unpackLayer(context, job, progress, either), either);
    } catch (error) {
      // The others stop too; what they throw then only says so.
      failure.abort(error);
      throw error;
    }
  });
  const settled = await Promise.allSettled(work);
  if (signal.aborted) throw signal.reason;
  if (failure.signal.aborted) throw failure.signal.reason;
  const layers = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const blobs = missing.map(({ descriptor, diffId }) => ({
    digest: descriptor.digest,
    diffId,
    mediaType: descriptor.mediaType,
    sizeBytes: descriptor.sizeBytes,
  }));
  return { layers, blobs };
}

async function downloadLayer(
  context: ImageContext,
  client: RegistryClient,
  job: LayerJob,
  progress: ProgressSink,
  signal: AbortSignal,
): Promise<void> {
  const { digest, sizeBytes } = job.descriptor;
  const id = shortDigest(digest);
  const report = throttled((current) =>
    progress({ id, status: 'Downloading', progressDetail: { current, total: sizeBytes } }),
  );
  const attempts = context.registries.maxDownloadAttempts;
  const onRetry = (seconds: number): void =>
    progress({ id, status: `Retrying in ${seconds} second${seconds === 1 ? '' : 's'}`, progressDetail: {} });
  const onProgress = (current: number): void => {
    // All is here; what takes time now is to see that it is what it should be.
    if (current < sizeBytes) report(current);
    else progress({ id, status: 'Verifying Checksum', progressDetail: {} });
  };
  const download = (path: string, tell: (bytes: number) => void): Promise<void> =>
    downloadBlob(client, digest, path, { attempts, signal, onRetry, onProgress: tell, sizeBytes });
  await context.content.fetch(digest, download, signal, onProgress);
  progress({ id, status: 'Download complete', progressDetail: {} });
}

async function unpackLayer(
  context: ImageContext,
  job: LayerJob,
  progress: ProgressSink,
  signal: AbortSignal,
): Promise<LayerRecord> {
  const { digest, sizeBytes } = job.descriptor;
  const id = shortDigest(digest);
  const extracting = (current: number): void =>
    progress({ id, status: 'Extracting', progressDetail: { current, total: sizeBytes } });
  const path = context.content.path(digest);
  const layer = await context.layers.install(job.chainId, job.diffId, path, {
    signal,
    onProgress: throttled(extracting),
  });
  extracting(sizeBytes);
  progress({ id, status: 'Pull complete', progressDetail: {} });
  return layer;
}

/** The first value and then at most one in a while: a client's terminal is slower than the disk. */
function throttled(report: (current: number) => void): (current: number) => void {
  let last = 0;
  return (current) => {
    const now = Date.now();
    if (now - last < PROGRESS_INTERVAL_MS) return;
    last = now;
    report(current);
  };
}
