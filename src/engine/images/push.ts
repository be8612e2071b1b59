import type { RegistryClient } from '../../host/registry/registry-client.js';
import { bufferSource, uploadBlob } from '../../host/registry/upload-blob.js';
import { digestOf, shortDigest } from '../../shared/digest.js';
import { internal, invalid, notFound } from '../../shared/errors.js';
import {
  familiarName,
  familiarString,
  parseReference,
  repositoryName,
  withTagOrDigest,
  type Reference,
} from '../../shared/reference.js';
import { allOrNone } from './all-or-none.js';
import { emitTransferEvent, type ImageContext } from './image-context.js';
import { imageForPlatform } from './image-variant.js';
import type { Image } from './image.js';
import type { LayerBlobRecord } from './image-repository.js';
import type { ProgressSink, RegistryCredentials } from './image-service.js';
import { DOCKER_CONFIG, DOCKER_LAYER_GZIP, DOCKER_MANIFEST } from './manifest.js';
import { manifestWithConfig } from './manifest-tree.js';
import { pushBlob, uploadOptions } from './push-blob.js';
import { keptContent, pushKept } from './push-kept.js';

export interface PushOptions {
  ref: string;
  /** '' : every tag. */
  tag: string;
  platform: string;
  credentials: RegistryCredentials | null;
}

/** Each is a request that may be in vain, and a part of the token's scope. */
const MAX_MOUNT_SOURCES = 3;

/** Pushes one tag of a repository, or all. What the registry has already is not sent again. */
export async function push(
  context: ImageContext,
  options: PushOptions,
  progress: ProgressSink,
  signal: AbortSignal,
): Promise<void> {
  const named = parseReference(options.ref);
  const reference = withTagOrDigest(named, options.tag);
  if (named.digest !== '' || reference.digest !== '') throw invalid('cannot import digest reference');
  const known = context.store.referencesIn(repositoryName(reference));
  const tagged = known.filter(
    (found) => found.reference.tag !== '' && (reference.tag === '' || found.reference.tag === reference.tag),
  );
  for (const { imageId } of tagged) {
    const image = context.store.get(imageId);
    if (image) await imageForPlatform(context, image, familiarString(reference), options.platform);
  }
  progress({ status: `The push refers to repository [${repositoryName(reference)}]` });
  if (known.length === 0) {
    throw notFound(`An image does not exist locally with the tag: ${familiarName(reference)}`);
  }
  const mountFrom = new Map(tagged.map(({ imageId }) => [imageId, otherRepositories(context, reference, imageId)]));
  const scopes = [...new Set([...mountFrom.values()].flatMap((sources) => [...sources.values()].flat()))];
  const { domain, path } = reference;
  const clients = context.registries.clients(domain, path, options.credentials, 'pull,push', scopes);
  const client = await context.registries.firstWorking(clients, async (candidate) => {
    await candidate.ping(signal);
    return candidate;
  });
  if (tagged.length === 0) throw notFound(`tag does not exist: ${familiarString(reference)}`);
  for (const { reference: one, imageId } of tagged) {
    const sources = mountFrom.get(imageId) ?? new Map<string, string[]>();
    await pushTag(context, client, one, { imageId, sources, platform: options.platform }, progress, signal);
  }
  emitTransferEvent(context, 'push', reference);
}

interface TagToPush {
  imageId: string;
  /** Repositories of the registry that may have a layer, by diff ID. */
  sources: Map<string, string[]>;
  platform: string;
}

async function pushTag(
  context: ImageContext,
  client: RegistryClient,
  reference: Reference,
  { imageId, sources, platform }: TagToPush,
  progress: ProgressSink,
  signal: AbortSignal,
): Promise<void> {
  const image = context.store.get(imageId);
  const config = context.store.configOf(imageId);
  if (!image || !config) throw notFound(`No such image: ${familiarString(reference)}`);
  await using lease = context.layers.lease('remove');
  const layerBlobs = image.diffIds.flatMap((diffId) => context.store.blobsOf(diffId).map(({ digest }) => digest));
  lease.hold(...image.chainIds, ...image.diffIds, ...layerBlobs, ...context.store.contentOf(imageId));
  const kept = await keptContent(context, image, reference, platform);
  const { mediaType, bytes } = kept
    ? await pushKept(context, client, { reference, image, sources, ...kept }, progress, signal)
    : await pushNew(context, client, { reference, image, config, sources }, progress, signal);
  const digest = digestOf(bytes);
  const sizeBytes = bytes.length;
  // What was pushed for another platform only is nothing to name this image by.
  if (!kept || manifestWithConfig(kept.tree, imageId)) {
    await context.content.put(bytes);
    const descriptor = image.descriptor ?? { mediaType, digest, sizeBytes };
    context.store.add({ id: imageId, config, parentId: '', descriptor, manifestDigests: [digest] }, [], []);
    context.store.setReferences([{ ...reference, tag: '', digest }], imageId, false);
  }
  progress({ status: `${reference.tag}: digest: ${digest} size: ${sizeBytes}` });
  progress({ progressDetail: {}, aux: { Tag: reference.tag, Digest: digest, Size: sizeBytes } });
}

/** Pushes an image that did not come by a manifest of which all is here, by a manifest that is made now. */
async function pushNew(
  context: ImageContext,
  client: RegistryClient,
  {
    reference,
    image,
    config,
    sources,
  }: { reference: Reference; image: Image; config: Buffer; sources: TagToPush['sources'] },
  progress: ProgressSink,
  signal: AbortSignal,
): Promise<{ mediaType: string; bytes: Buffer }> {
  for (const diffId of [...image.diffIds].reverse()) {
    progress({ id: shortDigest(diffId), status: 'Preparing', progressDetail: {} });
  }
  const layers = await allOrNone(image.diffIds, signal, (diffId, either) => {
    const layer = { diffId, mountFrom: sources.get(diffId) ?? [] };
    return context.uploads.run(() => pushLayer(context, client, layer, progress, either), either);
  });
  if (!(await client.hasBlob(image.id, signal))) {
    await uploadBlob(client, bufferSource(image.id, config), uploadOptions(context, signal));
  }
  const manifest = newManifest(image.id, config, layers);
  await client.putManifest(reference.tag, manifest.mediaType, manifest.bytes, signal);
  return manifest;
}

async function pushLayer(
  context: ImageContext,
  client: RegistryClient,
  { diffId, mountFrom }: { diffId: string; mountFrom: string[] },
  progress: ProgressSink,
  signal: AbortSignal,
): Promise<LayerBlobRecord> {
  const id = shortDigest(diffId);
  for (const blob of context.store.blobsOf(diffId)) {
    if (await client.hasBlob(blob.digest, signal)) {
      progress({ id, status: 'Layer already exists', progressDetail: {} });
      return blob;
    }
  }
  const blob = await compressedBlob(context, diffId, signal);
  await pushBlob(context, client, { digest: blob.digest, sizeBytes: blob.sizeBytes, id, mountFrom }, progress, signal);
  return blob;
}

/**
 * For each layer of the image, by diff ID, other repositories of the same registry that images with it came from or went to:
 * their blobs may be mounted.
 */
function otherRepositories(context: ImageContext, target: Reference, imageId: string): Map<string, string[]> {
  const wanted = new Set(context.store.get(imageId)?.diffIds);
  const found = new Map<string, string[]>();
  for (const image of context.store.all()) {
    const shared = image.diffIds.filter((diffId) => wanted.has(diffId));
    if (shared.length === 0) continue;
    const paths = context.store
      .referencesOf(image.id)
      .filter(({ domain, path, digest }) => digest !== '' && domain === target.domain && path !== target.path)
      .map(({ path }) => path);
    for (const diffId of shared) {
      const sources = [...new Set([...(found.get(diffId) ?? []), ...paths])].slice(0, MAX_MOUNT_SOURCES);
      found.set(diffId, sources);
    }
  }
  return found;
}

/** The layer's archive as it was served; one that came uncompressed is compressed and kept. */
async function compressedBlob(context: ImageContext, diffId: string, signal: AbortSignal): Promise<LayerBlobRecord> {
  const blobs = context.store.blobsOf(diffId);
  for (const blob of blobs) {
    if (blob.digest !== diffId && (await context.content.has(blob.digest))) return blob;
  }
  const plain = blobs.find((blob) => blob.digest === diffId);
  if (!plain || !(await context.content.has(diffId))) throw internal(`the archive of layer ${diffId} is missing`);
  const { digest, sizeBytes } = await context.content.compress(diffId, signal);
  const record = { digest, diffId, mediaType: DOCKER_LAYER_GZIP, sizeBytes };
  context.store.addLayerBlobs([record]);
  return record;
}

function newManifest(imageId: string, config: Buffer, layers: LayerBlobRecord[]): { mediaType: string; bytes: Buffer } {
  const json = {
    schemaVersion: 2,
    mediaType: DOCKER_MANIFEST,
    config: { mediaType: DOCKER_CONFIG, size: config.length, digest: imageId },
    layers: layers.map((layer) => ({ mediaType: DOCKER_LAYER_GZIP, size: layer.sizeBytes, digest: layer.digest })),
  };
  // Registries keep manifests as they are sent; three spaces are what docker push has always sent.
  return { mediaType: DOCKER_MANIFEST, bytes: Buffer.from(JSON.stringify(json, null, 3)) };
}
