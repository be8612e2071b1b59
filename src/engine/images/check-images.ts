import { diskUsageBytes } from '../../host/archive/disk-usage.js';
import type { ContentStore } from '../../host/content/content-store.js';
import type { LayerStore } from '../../host/overlay/layer-store.js';
import { chainIdsOf } from '../../shared/chain-id.js';
import { digestOf, shortDigest } from '../../shared/digest.js';
import { errorMessage } from '../../shared/errors.js';
import { parseReference } from '../../shared/reference.js';
import { parseImageConfig } from './image-config.js';
import type { ImageRecord, ImageState } from './image-repository.js';

/** What a check of the images found. */
export interface ImagesCheck {
  /** What is broken, in sentences. */
  faults: string[];
  /** What nobody needs and the next start of the daemon clears away. */
  leftovers: string[];
  blobs: number;
  blobBytes: number;
}

/**
 * Compares what the database says of images with what is on disk, byte for byte: configurations and blobs are what their
 * digests say, layers are unpacked as they were, and everything that something refers to is there. Nothing is changed.
 */
export async function checkImages(
  state: ImageState,
  content: ContentStore,
  layers: LayerStore,
  signal: AbortSignal,
): Promise<ImagesCheck> {
  const check: ImagesCheck = { faults: [], leftovers: [], blobs: 0, blobBytes: 0 };
  for (const image of state.images) checkImage(image, state, check);
  for (const { reference, imageId } of state.references) {
    const image = state.images.find(({ id }) => id === imageId);
    if (!image) check.faults.push(`reference ${reference} names image ${imageId}, which is not there`);
    else if (image.retired) check.faults.push(`reference ${reference} names image ${imageId}, which was deleted`);
    attempt(check, `reference ${reference}`, () => parseReference(reference));
  }
  await checkBlobs(state, content, check, signal);
  await checkLayers(state, layers, check, signal);
  return check;
}

function checkImage(image: ImageRecord, state: ImageState, check: ImagesCheck): void {
  const name = `image ${shortDigest(image.id)}`;
  if (digestOf(image.config) !== image.id) check.faults.push(`${name}: the configuration has another digest`);
  attempt(check, name, () => {
    const chainIds = chainIdsOf(parseImageConfig(image.config).diffIds);
    if (chainIds.join() !== image.chainIds.join()) check.faults.push(`${name}: its layers are not its configuration's`);
  });
  const known = new Set(state.layers.map(({ chainId }) => chainId));
  for (const chainId of image.chainIds) {
    if (!known.has(chainId)) check.faults.push(`${name}: layer ${shortDigest(chainId)} is missing in the database`);
  }
}

async function checkBlobs(
  state: ImageState,
  content: ContentStore,
  check: ImagesCheck,
  signal: AbortSignal,
): Promise<void> {
  const needed = new Map<string, { by: string; sizeBytes: number | null }>();
  for (const { id, manifestDigests, blobDigests } of state.images) {
    for (const digest of [...manifestDigests, ...blobDigests]) {
      needed.set(digest, { by: `image ${shortDigest(id)}`, sizeBytes: null });
    }
  }
  for (const { digest, diffId, sizeBytes } of state.layerBlobs) {
    needed.set(digest, { by: `layer ${shortDigest(diffId)}`, sizeBytes });
  }
  const present = new Set(await content.list());
  for (const digest of present) {
    const sizeBytes = (await content.size(digest)) ?? 0;
    check.blobs += 1;
    check.blobBytes += sizeBytes;
    const found = await content.measure(digest, signal);
    if (found !== digest) check.faults.push(`blob ${digest} has the digest ${found}`);
    const use = needed.get(digest);
    if (!use) check.leftovers.push(`blob ${digest} is needed by nothing`);
    else if (use.sizeBytes !== null && use.sizeBytes !== sizeBytes) {
      check.faults.push(`blob ${digest} has ${sizeBytes} bytes, not ${use.sizeBytes}`);
    }
  }
  for (const [digest, { by }] of needed) {
    if (!present.has(digest)) check.faults.push(`blob ${digest} of ${by} is missing`);
  }
}

async function checkLayers(
  state: ImageState,
  layers: LayerStore,
  check: ImagesCheck,
  signal: AbortSignal,
): Promise<void> {
  const used = new Set(state.images.flatMap(({ chainIds }) => chainIds));
  for (const { chainId, diffId, sizeBytes } of state.layers) {
    const name = `layer ${shortDigest(chainId)}`;
    if (!used.has(chainId)) check.leftovers.push(`${name}: no image has it`);
    if (!layers.has(chainId)) {
      check.faults.push(`${name}: it is not unpacked`);
      continue;
    }
    const layer = layers.get(chainId);
    if (layer.diffId !== diffId) check.faults.push(`${name}: unpacked from ${layer.diffId}, not ${diffId}`);
    const found = await diskUsageBytes(layer.directory, signal);
    if (found !== sizeBytes) check.faults.push(`${name}: its files have ${found} bytes, not ${sizeBytes}`);
    if (!layers.isLinked(chainId)) check.faults.push(`${name}: its link ${layer.link} is missing`);
  }
  const known = new Set(state.layers.map(({ chainId }) => chainId));
  for (const { chainId } of layers.list()) {
    if (!known.has(chainId)) check.leftovers.push(`layer ${shortDigest(chainId)} is unpacked, but needed by nothing`);
  }
}

function attempt(check: ImagesCheck, name: string, call: () => unknown): void {
  try {
    call();
  } catch (error) {
    check.faults.push(`${name}: ${errorMessage(error)}`);
  }
}
