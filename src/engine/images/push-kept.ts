import type { RegistryClient } from '../../host/registry/registry-client.js';
import { bufferSource, uploadBlob } from '../../host/registry/upload-blob.js';
import { shortDigest } from '../../shared/digest.js';
import { notFound } from '../../shared/errors.js';
import { familiarString, type Reference } from '../../shared/reference.js';
import { allOrNone } from './all-or-none.js';
import type { ImageContext } from './image-context.js';
import { imageRoot } from './image-root.js';
import type { ProgressSink } from './image-service.js';
import { findForPlatform } from './image-variant.js';
import type { Descriptor, Image } from './image.js';
import {
  allManifests,
  isComplete,
  isForeignLayer,
  manifestWithConfig,
  readConfig,
  readManifest,
  type ManifestTree,
} from './manifest-tree.js';
import { pushBlob, uploadOptions, type PushedBlob } from './push-blob.js';

/** What is pushed of what an image came by. */
export interface KeptContent {
  tree: ManifestTree;
  /** The index of which too little is here to push it; null: the tree is what the name stands for, or was asked for. */
  insteadOf: Descriptor | null;
}

/**
 * What a push of the image by that name sends as it came: the manifest or index, if all of it is here, else of an index
 * the image's own manifest. null: nothing is complete, so that a manifest has to be made. Source: dockerd 28.5 with the
 * containerd store, observed.
 */
export async function keptContent(
  context: ImageContext,
  image: Image,
  reference: Reference,
  platform: string,
): Promise<KeptContent | null> {
  const root = await imageRoot(context, image, reference);
  if (!root) return null;
  const wanted = platform === '' ? null : await findForPlatform(context, image, platform);
  if (!wanted && isComplete(root)) return { tree: root, insteadOf: null };
  const own = manifestWithConfig(root, (wanted ?? image).id);
  if (own && isComplete(own)) {
    return { tree: own, insteadOf: wanted || own === root ? null : root.descriptor };
  }
  if (!wanted || wanted.id === image.id) return null;
  throw notFound(`content of ${familiarString(reference)} for ${platform} is not here`);
}

/**
 * Sends blobs, then manifests, the uppermost last and by the tag, so that the registry never has one of which something
 * is missing.
 */
export async function pushKept(
  context: ImageContext,
  client: RegistryClient,
  options: KeptContent & { reference: Reference; image: Image; sources: Map<string, string[]> },
  progress: ProgressSink,
  signal: AbortSignal,
): Promise<{ mediaType: string; bytes: Buffer }> {
  const { tree, insteadOf, reference } = options;
  if (insteadOf) {
    const aux = {
      manifestPushedInsteadOfIndex: true,
      originalIndex: wireDescriptor(insteadOf),
      selectedManifest: wireDescriptor(tree.descriptor),
    };
    progress({ progressDetail: {}, aux });
  }
  const { layers, configs } = blobsOf(context, options);
  for (const { id } of [...layers].reverse()) progress({ id, status: 'Preparing', progressDetail: {} });
  await allOrNone(layers, signal, (layer, either) =>
    context.uploads.run(() => pushLayer(context, client, layer, progress, either), either),
  );
  for (const digest of configs) {
    if (await client.hasBlob(digest, signal)) continue;
    const config = await readConfig(context, digest);
    if (!config) throw notFound(`content ${digest}: not found`);
    await uploadBlob(client, bufferSource(digest, config), uploadOptions(context, signal));
  }
  let last: { mediaType: string; bytes: Buffer } | null = null;
  for (const { descriptor } of allManifests(tree).reverse()) {
    const bytes = await readManifest(context, descriptor.digest);
    if (!bytes) throw notFound(`content ${descriptor.digest}: not found`);
    last = { mediaType: descriptor.mediaType, bytes };
    const name = descriptor === tree.descriptor ? reference.tag : descriptor.digest;
    await client.putManifest(name, last.mediaType, last.bytes, signal);
  }
  if (!last) throw notFound(`content of ${familiarString(reference)} is not here`);
  return last;
}

interface LayerToPush extends PushedBlob {
  isForeign: boolean;
}

function blobsOf(
  context: ImageContext,
  { tree, image, sources }: { tree: ManifestTree; image: Image; sources: Map<string, string[]> },
): { layers: LayerToPush[]; configs: string[] } {
  const diffIds = new Map(
    image.diffIds.flatMap((diffId) => context.store.blobsOf(diffId).map((blob) => [blob.digest, diffId] as const)),
  );
  const anywhere = [...new Set([...sources.values()].flat())];
  const layers = new Map<string, LayerToPush>();
  const configs = new Set<string>();
  for (const { manifest } of allManifests(tree)) {
    if (manifest?.kind !== 'image') continue;
    configs.add(manifest.config.digest);
    for (const layer of manifest.layers) {
      const diffId = diffIds.get(layer.digest) ?? layer.digest;
      const mountFrom = sources.get(diffId) ?? anywhere;
      const { digest, sizeBytes } = layer;
      const isForeign = isForeignLayer(layer);
      layers.set(digest, { digest, sizeBytes, id: shortDigest(diffId), mountFrom, isForeign });
    }
  }
  return { layers: [...layers.values()], configs: [...configs] };
}

async function pushLayer(
  context: ImageContext,
  client: RegistryClient,
  { isForeign, ...blob }: LayerToPush,
  progress: ProgressSink,
  signal: AbortSignal,
): Promise<void> {
  const tell = (status: string): void => progress({ id: blob.id, status, progressDetail: {} });
  if (isForeign) tell('Skipped foreign layer');
  else if (await client.hasBlob(blob.digest, signal)) tell('Layer already exists');
  else await pushBlob(context, client, blob, progress, signal);
}

function wireDescriptor({ mediaType, digest, sizeBytes, platform }: Descriptor): object {
  const { os, architecture, variant } = platform ?? { os: '', architecture: '', variant: '' };
  const shown = platform ? { platform: { architecture, os, ...(variant === '' ? {} : { variant }) } } : {};
  return { mediaType, digest, size: sizeBytes, ...shown };
}
