import type { LayoutFile, LayoutSource } from '../../host/archive/jobs/layout-job.js';
import { digestHex, digestOf } from '../../shared/digest.js';
import { internal } from '../../shared/errors.js';
import type { Reference } from '../../shared/reference.js';
import { parseRfc3339Ns } from '../../shared/rfc3339.js';
import type { ImageContext } from './image-context.js';
import { imageRoot } from './image-root.js';
import { findForPlatform } from './image-variant.js';
import type { Descriptor, Image } from './image.js';
import type { LayerLease } from './layer-installer.js';
import { OCI_CONFIG, OCI_LAYER_TAR, OCI_MANIFEST } from './manifest.js';
import { allManifests, isComplete, manifestWithConfig, type ManifestTree } from './manifest-tree.js';

/** An image to save, and the tags to save it by; none: by its id. */
export interface SavedImage {
  image: Image;
  config: Buffer;
  references: Reference[];
}

/** How an archive holds an image. */
export interface SavedForm {
  /** Its entry in index.json, as JSON. */
  descriptor: object;
  files: LayoutFile[];
  imageId: string;
  /** Digests of its layers' archives, bottom first. */
  layers: string[];
  /** What dockerd says of uncompressed layers; null: nothing. */
  layerSources: Record<string, object> | null;
  references: Reference[];
}

/**
 * The forms in which an image is saved: for each manifest or index that its names stand for, with all of it that is here, else in
 * one made now. With platforms, only what is for these; none when nothing is.
 */
export async function savedForms(
  context: ImageContext,
  saved: SavedImage,
  platforms: readonly string[],
): Promise<SavedForm[]> {
  const { image, config } = saved;
  const wanted: Image[] = [];
  for (const platform of platforms) {
    const found = await findForPlatform(context, image, platform);
    if (found) wanted.push(found);
  }
  if (platforms.length > 0 && wanted.length === 0) return [];
  const forms = new Map<string, SavedForm>();
  for (const reference of saved.references.length > 0 ? saved.references : [null]) {
    const root = await imageRoot(context, image, reference);
    const key = root?.descriptor.digest ?? '';
    const known = forms.get(key);
    if (known && reference) {
      known.references.push(reference);
      continue;
    }
    const isWanted = wanted.length === 0 || wanted.includes(image);
    const made = (): SavedForm | null => (isWanted ? newForm(context, image, config) : null);
    const form = (root && keptForm(context, image, root, wanted)) ?? made();
    if (!form) continue;
    forms.set(key, { ...form, references: reference ? [reference] : [] });
  }
  return [...forms.values()];
}

/** Keeps from being collected what an archive of the image may need. */
export function holdForSave(context: ImageContext, image: Image, lease: LayerLease): void {
  lease.hold(...image.chainIds, ...context.store.contentOf(image.id), ...layerBlobs(context, image));
}

/** null: too little of it is here. */
function keptForm(context: ImageContext, image: Image, root: ManifestTree, wanted: readonly Image[]): SavedForm | null {
  const main = wanted.includes(image) ? image : (wanted[0] ?? image);
  const own = manifestWithConfig(root, main.id);
  if (own?.manifest?.kind !== 'image' || !isComplete(own)) return null;
  const chosen = wanted.map(({ id }) => manifestWithConfig(root, id)).filter((tree) => tree !== null);
  const isOne = chosen.length === 1;
  const trees = chosen.length === 0 ? allManifests(root) : isOne ? chosen : [root, ...chosen];
  return {
    descriptor: isOne
      ? { ...fromDescriptor(own.descriptor), platform: platformJson(main) }
      : fromDescriptor(root.descriptor),
    files: trees.flatMap((tree) => filesOf(context, tree)),
    imageId: main.id,
    layers: own.manifest.layers.map(({ digest }) => digest),
    layerSources: null,
    references: [],
  };
}

function filesOf(context: ImageContext, { descriptor, manifest, blobs }: ManifestTree): LayoutFile[] {
  if (!manifest) return [];
  const kept = (digest: string, sizeBytes: number): LayoutFile => {
    const config = context.store.configOf(digest);
    const blob = { forms: [{ file: context.content.path(digest), isPacked: false }] };
    return { path: blobPath(digest), mtimeNs: 0n, sizeBytes, content: config ?? blob };
  };
  const here = blobs.filter(({ isHere }) => isHere).map((blob) => blob.descriptor);
  return [descriptor, ...here].map(({ digest, sizeBytes }) => kept(digest, sizeBytes));
}

function newForm(context: ImageContext, image: Image, config: Buffer): SavedForm {
  const createdNs = parseRfc3339Ns(image.created) ?? 0n;
  const mtimeNs = createdNs < 0n ? 0n : createdNs;
  const layers = layerDescriptors(context, image);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: OCI_CONFIG, digest: image.id, size: config.length },
      layers,
    }),
  );
  const digest = digestOf(manifest);
  const files = layers.map(({ digest: diffId, size }) => ({
    path: blobPath(diffId),
    mtimeNs,
    sizeBytes: size,
    content: layerSource(context, diffId),
  }));
  return {
    descriptor: { mediaType: OCI_MANIFEST, digest, size: manifest.length },
    files: [
      ...files,
      { path: blobPath(image.id), mtimeNs, sizeBytes: config.length, content: config },
      { path: blobPath(digest), mtimeNs: 0n, sizeBytes: manifest.length, content: manifest },
    ],
    imageId: image.id,
    layers: layers.map((layer) => layer.digest),
    // The fields in another order than in a manifest, as dockerd has them here.
    layerSources: Object.fromEntries(layers.map((layer) => [layer.digest, sourceOf(layer)])),
    references: [],
  };
}

function sourceOf({ mediaType, size, digest }: { mediaType: string; size: number; digest: string }): object {
  return { mediaType, size, digest };
}

function fromDescriptor({ mediaType, digest, sizeBytes }: Descriptor): object {
  return { mediaType, digest, size: sizeBytes };
}

function platformJson({ platform: { os, architecture, variant } }: Image): object {
  return { architecture, os, ...(variant === '' ? {} : { variant }) };
}

function layerBlobs(context: ImageContext, image: Image): string[] {
  return image.diffIds.flatMap((diffId) => context.store.blobsOf(diffId).map((blob) => blob.digest));
}

function layerDescriptors(context: ImageContext, image: Image): { mediaType: string; digest: string; size: number }[] {
  return image.chainIds.map((chainId, i) => {
    const layer = context.store.layer(chainId);
    if (!layer) throw internal(`layer ${chainId} of image ${image.id} is missing`);
    return { mediaType: OCI_LAYER_TAR, digest: image.diffIds[i] ?? '', size: layer.archiveSizeBytes };
  });
}

/** The layer's archive, uncompressed, from whichever form of it is kept. */
function layerSource({ content, store }: ImageContext, diffId: string): LayoutSource {
  const packed = store.blobsOf(diffId).filter(({ digest }) => digest !== diffId);
  return {
    forms: [
      { file: content.path(diffId), isPacked: false },
      ...packed.map(({ digest }) => ({ file: content.path(digest), isPacked: true })),
    ],
  };
}

/** Where a layout has a blob. */
export function blobPath(digest: string): string {
  return `blobs/sha256/${digestHex(digest)}`;
}
