import type { Readable } from 'node:stream';
import { familiarString, parseReference, type Reference } from '../../shared/reference.js';
import { internal, invalid } from '../../shared/errors.js';
import { shortDigest } from '../../shared/digest.js';
import { chainIdsOf } from '../../shared/chain-id.js';
import { ArchiveSpool, type SpooledFile } from './archive-spool.js';
import { emitImageEvent, type ImageContext } from './image-context.js';
import { parseImageConfig } from './image-config.js';
import type { Descriptor, Image } from './image.js';
import type { LayerRecord, LayerBlobRecord } from './image-repository.js';
import type { ProgressSink } from './image-service.js';
import type { LayerLease } from './layer-installer.js';
import { listArchivedImages, type ArchivedImage } from './list-archived-images.js';

/**
 * Loads every image of a `docker save` archive or an OCI layout. Each image is complete, with its references, before the
 * next begins; of one that fails nothing remains.
 */
export async function loadImages(
  context: ImageContext,
  source: Readable,
  options: { quiet: boolean; platforms: string[] },
  progress: ProgressSink,
  signal: AbortSignal,
): Promise<void> {
  await using spool = await ArchiveSpool.read(source, context.content, signal);
  const archived = listArchivedImages(spool, options.platforms);
  for (const item of archived) {
    const image = await loadOne(context, item, options.quiet ? () => undefined : progress, signal);
    nameImage(context, image, item, progress);
    if (item.references.length === 0) progress({ stream: `Loaded image ID: ${image.id}\n` });
    emitImageEvent(context, 'load', image, image.id);
  }
}

async function loadOne(
  context: ImageContext,
  item: ArchivedImage,
  progress: ProgressSink,
  signal: AbortSignal,
): Promise<Image> {
  const config = item.config.bytes;
  if (!config) throw invalid('invalid image configuration: too large');
  const { diffIds } = parseImageConfig(config);
  if (diffIds.length !== item.layers.length) {
    throw invalid(`invalid manifest, layers length mismatch: expected ${item.layers.length}, got ${diffIds.length}`);
  }
  await using lease = context.layers.lease('remove');
  const chainIds = chainIdsOf(diffIds);
  lease.hold(...chainIds);
  const layers: LayerRecord[] = [];
  const blobs: LayerBlobRecord[] = [];
  for (const [index, chainId] of chainIds.entries()) {
    const diffId = diffIds[index] ?? '';
    const file = item.layers[index];
    const known = context.layers.find(chainId);
    if (known) {
      layers.push(known);
      continue;
    }
    if (!file) throw internal(`layer ${diffId} is missing in the archive`);
    layers.push(await installLayer(context, lease, file, { chainId, diffId }, progress, signal));
    blobs.push({ digest: file.digest, diffId, mediaType: file.mediaType, sizeBytes: file.sizeBytes });
  }
  const content = await keepContent(item, lease);
  return context.store.add({ id: item.config.digest, config, parentId: '', ...content }, layers, blobs);
}

/** What the manifest or index needs beside the configuration, so that it can be handed on as it came. */
async function keepContent(
  { content, config }: ArchivedImage,
  lease: LayerLease,
): Promise<{ descriptor: Descriptor | null; manifestDigests: string[]; blobDigests: string[] }> {
  if (!content) return { descriptor: null, manifestDigests: [], blobDigests: [] };
  const { root, manifests } = content;
  const blobs = content.blobs.filter(({ digest }) => digest !== config.digest);
  for (const file of [...manifests, ...blobs]) {
    lease.hold(file.digest);
    await file.commit();
  }
  const digests = (files: SpooledFile[]): string[] => files.map(({ digest }) => digest);
  return { descriptor: root, manifestDigests: digests(manifests), blobDigests: digests(blobs) };
}

async function installLayer(
  context: ImageContext,
  lease: LayerLease,
  file: SpooledFile & { mediaType: string },
  ids: { chainId: string; diffId: string },
  progress: ProgressSink,
  signal: AbortSignal,
): Promise<LayerRecord> {
  const id = shortDigest(ids.diffId);
  const report = (current: number): void =>
    progress({ id, status: 'Loading layer', progressDetail: { current, total: file.sizeBytes } });
  lease.hold(file.digest);
  await file.commit();
  const path = context.content.path(file.digest);
  const layer = await context.layers.install(ids.chainId, ids.diffId, path, { signal, onProgress: report });
  report(file.sizeBytes);
  return layer;
}

function nameImage(context: ImageContext, image: Image, item: ArchivedImage, progress: ProgressSink): void {
  const references: Reference[] = item.references.map(parseReference).filter((ref) => ref.tag !== '');
  for (const reference of references) {
    const name = familiarString(reference);
    const previous = context.store.resolve(`${reference.domain}/${reference.path}:${reference.tag}`);
    if (previous !== null && previous !== image.id) {
      progress({
        stream: `The image ${name} already exists, renaming the old one with ID ${previous} to empty string\n`,
      });
    }
    context.store.setReferences([reference], image.id, true);
    if (item.content) {
      const digest = item.content.root.digest;
      context.store.setReferences([{ ...reference, tag: '', digest }], image.id, false);
    }
    progress({ stream: `Loaded image: ${name}\n` });
  }
}
