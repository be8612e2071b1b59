import { invalid } from '../../shared/errors.js';
import { getImage } from './find.js';
import type { ImageContext } from './image-context.js';
import { imageRoots } from './image-root.js';
import { imageForPlatform } from './image-variant.js';
import type { Image, ImageDeleteItem } from './image.js';
import { allManifests, attestedDigest, manifestWithConfig, type ManifestTree } from './manifest-tree.js';

/**
 * What is kept with an image for platforms that are not its own. Empty without platforms, or when the image itself is meant.
 * Throws not-found for a platform that it has nothing for.
 */
export async function variantsToRemove(context: ImageContext, ref: string, platforms: string[]): Promise<Image[]> {
  const image = getImage(context.store, ref);
  const found: Image[] = [];
  for (const platform of platforms) found.push(await imageForPlatform(context, image, ref, platform));
  return found.some(({ id }) => id === image.id) ? [] : found;
}

/** Lets go of the blobs that are for other platforms, and of what attests them. Source: dockerd 28.5, observed. */
export async function removeVariants(
  context: ImageContext,
  ref: string,
  variants: readonly Image[],
  force: boolean,
): Promise<ImageDeleteItem[]> {
  if (!force) {
    throw invalid('Content will be removed from all images referencing this variant. Use —-force to force delete.');
  }
  const image = getImage(context.store, ref);
  const trees = (await imageRoots(context, image)).flatMap(allManifests);
  const doomed = variants.flatMap(({ id }) => trees.flatMap((tree) => manifestWithConfig(tree, id) ?? []));
  const digests = new Set(doomed.map(({ descriptor }) => descriptor.digest));
  const stays = new Set(
    trees.filter((tree) => tree.manifest?.kind === 'image' && !goes(tree, digests)).flatMap(digestsOf),
  );
  const gone = trees
    .filter((tree) => goes(tree, digests))
    .flatMap(digestsOf)
    .filter((digest) => !stays.has(digest));
  context.store.removeContent(image.id, gone);
  await context.layers.collectBlobs([...new Set(gone)], 'remove');
  return [...digests].map((deleted) => ({ deleted }));
}

function goes({ descriptor }: ManifestTree, digests: ReadonlySet<string>): boolean {
  return digests.has(descriptor.digest) || digests.has(attestedDigest(descriptor));
}

function digestsOf({ descriptor, blobs }: ManifestTree): string[] {
  return [descriptor.digest, ...blobs.map((blob) => blob.descriptor.digest)];
}
