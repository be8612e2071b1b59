import type { ImageContext } from './image-context.js';
import { imageRoots } from './image-root.js';
import { isIndexType } from './manifest.js';
import type { Image, ImageManifest, Platform } from './image.js';
import {
  allManifests,
  attestedDigest,
  isAttestation,
  isComplete,
  platformOf,
  type ManifestTree,
} from './manifest-tree.js';

const NO_PLATFORM: Platform = { os: '', architecture: '', variant: '', osVersion: '' };

/**
 * The manifests of an image, for `docker images --tree`: its own, and of an index that it came by also those for other
 * platforms, here or not, and attestations. Empty for an image that came without one and was never pushed.
 */
export async function imageManifests(context: ImageContext, image: Image): Promise<ImageManifest[]> {
  const found: ImageManifest[] = [];
  for (const root of await imageRoots(context, image)) {
    for (const tree of allManifests(root)) {
      if (isIndexType(tree.descriptor.mediaType)) continue;
      if (found.some((other) => isSame(other, tree))) continue;
      found.push(await describe(context, image, tree));
    }
  }
  return found;
}

/** One attestation may be about several manifests. */
function isSame({ descriptor, attestationFor }: ImageManifest, tree: ManifestTree): boolean {
  return descriptor.digest === tree.descriptor.digest && attestationFor === attestedDigest(tree.descriptor);
}

async function describe(context: ImageContext, image: Image, tree: ManifestTree): Promise<ImageManifest> {
  const { descriptor, manifest } = tree;
  const isOwn = manifest?.kind === 'image' && manifest.config.digest === image.id;
  const platform = (await platformOf(context, tree)) ?? NO_PLATFORM;
  return {
    descriptor,
    kind: isAttestation(descriptor) ? 'attestation' : platform.os === 'unknown' ? 'unknown' : 'image',
    // What is unpacked can be run, even where its archives are kept in another form.
    available: isOwn || isComplete(tree),
    contentBytes: await contentBytes(context, tree),
    unpackedBytes: isOwn ? image.sizeBytes : 0,
    platform,
    containerIds: isOwn ? context.imageUsers(image.id).map(({ id }) => id) : [],
    attestationFor: attestedDigest(descriptor),
  };
}

/** Of the manifest, the configuration and the layers' blobs that are here. */
async function contentBytes(context: ImageContext, { descriptor, manifest, blobs }: ManifestTree): Promise<number> {
  if (!manifest) return 0;
  let bytes = descriptor.sizeBytes;
  for (const blob of blobs) {
    if (!blob.isHere) continue;
    const { digest } = blob.descriptor;
    bytes += context.store.configOf(digest)?.length ?? (await context.content.size(digest)) ?? 0;
  }
  return bytes;
}
