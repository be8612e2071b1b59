import { notFound } from '../../shared/errors.js';
import { formatPlatform, parsePlatform, platformScore, type PlatformSpec } from '../../shared/platform.js';
import type { ImageContext } from './image-context.js';
import { parseImageConfig } from './image-config.js';
import { imageRoots } from './image-root.js';
import type { Image } from './image.js';
import { imageManifestsOf, platformOf, readConfig, type ManifestTree } from './manifest-tree.js';
import { platformMismatch } from './platform-match.js';

/**
 * The image, or what the index by which it came has for another platform: an image that can be looked at, saved and pushed, but
 * is not unpacked. null: neither is for the platform. Throws invalid for what is no platform.
 */
export async function findForPlatform(context: ImageContext, image: Image, platform: string): Promise<Image | null> {
  const wanted = parsePlatform(platform);
  const own = platformScore(wanted, image.platform);
  let best: { tree: ManifestTree; score: number } | null = null;
  for (const tree of (await imageRoots(context, image)).flatMap(imageManifestsOf)) {
    const found = await platformOf(context, tree);
    const score = found ? platformScore(wanted, found) : 0;
    if (score > (best?.score ?? own)) best = { tree, score };
  }
  const variant = best ? await variantOf(context, image, best.tree) : null;
  return variant ?? (own > 0 ? image : null);
}

/** As findForPlatform, '' being the image itself; but throws not-found in dockerd's words. */
export async function imageForPlatform(
  context: ImageContext,
  image: Image,
  ref: string,
  platform: string,
): Promise<Image> {
  if (platform === '') return image;
  const found = await findForPlatform(context, image, platform);
  if (found) return found;
  const wanted = parsePlatform(platform);
  throw notFound(mismatchOf(image, ref, wanted, await imageRoots(context, image)));
}

async function variantOf(context: ImageContext, image: Image, tree: ManifestTree): Promise<Image | null> {
  if (tree.manifest?.kind !== 'image') return null;
  const config = await readConfig(context, tree.manifest.config.digest);
  if (!config) return null;
  return {
    ...parseImageConfig(config),
    id: tree.manifest.config.digest,
    parentId: '',
    chainIds: [],
    sizeBytes: 0,
    repoTags: image.repoTags,
    repoDigests: image.repoDigests,
    descriptor: tree.descriptor,
    lastTagTime: image.lastTagTime,
  };
}

/** dockerd says it in one way of an image for one platform, in another of an index. */
function mismatchOf(image: Image, ref: string, wanted: PlatformSpec, roots: ManifestTree[]): string {
  const single = platformMismatch(image, ref, formatPlatform(wanted));
  const isIndex = roots.some(({ manifest }) => manifest?.kind === 'index');
  if (single !== null && !isIndex) return single;
  return `image with reference ${ref} was found but does not provide the specified platform (${formatPlatform(wanted)})`;
}
