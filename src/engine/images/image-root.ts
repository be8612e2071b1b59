import { repositoryName, type Reference } from '../../shared/reference.js';
import type { ImageContext } from './image-context.js';
import type { Descriptor, Image } from './image.js';
import { readManifestTree, type ManifestTree } from './manifest-tree.js';

/**
 * What a name of an image stands for beyond this machine: the manifest or index that its repository knows the image by, else the
 * one by which the image came last. null: none is here, as of an image that was made here and never pushed.
 */
export async function imageRoot(
  context: ImageContext,
  image: Image,
  reference: Reference | null,
): Promise<ManifestTree | null> {
  for (const descriptor of candidates(context, image, reference)) {
    const tree = await readManifestTree(context, descriptor);
    if (tree.manifest) return tree;
  }
  return null;
}

/** Every manifest and index by which the image is known here. */
export async function imageRoots(context: ImageContext, image: Image): Promise<ManifestTree[]> {
  const found: ManifestTree[] = [];
  const below = new Set<string>();
  for (const descriptor of allRoots(context, image)) {
    if (below.has(descriptor.digest)) continue;
    const tree = await readManifestTree(context, descriptor);
    if (!tree.manifest) continue;
    found.push(tree);
    if (tree.manifest.kind === 'index') for (const { digest } of tree.manifest.manifests) below.add(digest);
  }
  return found.filter(({ descriptor }) => !below.has(descriptor.digest));
}

function candidates(context: ImageContext, image: Image, reference: Reference | null): Descriptor[] {
  const roots = allRoots(context, image);
  if (!reference) return roots.slice(0, 1);
  const named = new Set(
    context.store
      .referencesOf(image.id)
      .filter((other) => other.digest !== '' && repositoryName(other) === repositoryName(reference))
      .map(({ digest }) => digest),
  );
  const isMeant = (digest: string): boolean =>
    reference.digest === '' ? named.has(digest) : digest === reference.digest;
  return [...roots.filter(({ digest }) => isMeant(digest)), ...roots.slice(0, 1)];
}

/** The one by which the image came last is the first. */
function allRoots(context: ImageContext, image: Image): Descriptor[] {
  const others = context.store
    .manifestDigestsOf(image.id)
    .filter((digest) => digest !== image.descriptor?.digest)
    .map((digest) => ({ mediaType: '', digest, sizeBytes: 0 }));
  return image.descriptor ? [image.descriptor, ...others] : others;
}
