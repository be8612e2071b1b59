import { hasCode } from '../../shared/errors.js';
import type { ImageContext } from './image-context.js';
import { parseImageConfig } from './image-config.js';
import type { Descriptor, Platform } from './image.js';
import { isManifestType, isOfImage, MAX_CONFIG_BYTES, parseAnyManifest, type Manifest } from './manifest.js';

const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
/** An index in an index is legal; more than a few are an attack or a mistake. */
const MAX_DEPTH = 4;
/** The same one may be named again and again, on every level: what is beyond this counts as not here. */
const MAX_MANIFESTS = 2000;
const ATTESTATION = 'attestation-manifest';
const FOREIGN = /foreign|nondistributable/;

/** A manifest or an index, and what it refers to, as far as that is here. */
export interface ManifestTree {
  descriptor: Descriptor;
  /** null: it is not here. */
  manifest: Manifest | null;
  /** What an index names. */
  children: ManifestTree[];
  /** Configuration and layers of an image's manifest. */
  blobs: { descriptor: Descriptor; isHere: boolean }[];
}

/** Follows a manifest or an index down to the blobs. Throws when a kept manifest is none. */
export async function readManifestTree(
  context: ImageContext,
  descriptor: Descriptor,
  depth = 1,
  budget = { manifests: MAX_MANIFESTS },
): Promise<ManifestTree> {
  const isLeftOut = !isManifestType(descriptor.mediaType) || depth > MAX_DEPTH || budget.manifests-- <= 0;
  const bytes = isLeftOut ? null : await readManifest(context, descriptor.digest);
  if (!bytes) return { descriptor, manifest: null, children: [], blobs: [] };
  const manifest = parseAnyManifest(bytes, descriptor.mediaType);
  const known = { ...descriptor, mediaType: manifest.mediaType, sizeBytes: bytes.length };
  if (manifest.kind === 'index') {
    const children: ManifestTree[] = [];
    for (const child of manifest.manifests) children.push(await readManifestTree(context, child, depth + 1, budget));
    return { descriptor: known, manifest, children, blobs: [] };
  }
  const blobs: ManifestTree['blobs'] = [];
  for (const blob of [manifest.config, ...manifest.layers]) {
    const size = context.store.configOf(blob.digest)?.length ?? (await context.content.size(blob.digest));
    blobs.push({ descriptor: blob, isHere: size === blob.sizeBytes });
  }
  return { descriptor: known, manifest, children: [], blobs };
}

/** Whether all of it is here. Layers that nobody may hand on don't count. */
export function isComplete(tree: ManifestTree): boolean {
  const blobsHere = tree.blobs.every(({ descriptor, isHere }) => isHere || isForeignLayer(descriptor));
  return tree.manifest !== null && blobsHere && tree.children.every(isComplete);
}

/** The tree itself and everything below it, uppermost first. */
export function allManifests(tree: ManifestTree): ManifestTree[] {
  return [tree, ...tree.children.flatMap(allManifests)];
}

/** Manifests of images that are here, not those of attestations. */
export function imageManifestsOf(tree: ManifestTree): ManifestTree[] {
  return allManifests(tree).filter(
    ({ manifest, descriptor }) => manifest !== null && isOfImage(manifest) && !isAttestation(descriptor),
  );
}

/** The manifest of the image with that configuration; null: it is not in the tree. */
export function manifestWithConfig(tree: ManifestTree, imageId: string): ManifestTree | null {
  const found = allManifests(tree).find(
    ({ manifest }) => manifest?.kind === 'image' && manifest.config.digest === imageId,
  );
  return found ?? null;
}

/** What a manifest is for: as its index says, else as its configuration does. null: nobody says. */
export async function platformOf(context: ImageContext, tree: ManifestTree): Promise<Platform | null> {
  if (tree.descriptor.platform) return tree.descriptor.platform;
  if (tree.manifest?.kind !== 'image') return null;
  const config = await readConfig(context, tree.manifest.config.digest);
  return config ? parseImageConfig(config).platform : null;
}

/** A manifest's bytes; null: not here. */
export function readManifest(context: ImageContext, digest: string): Promise<Buffer | null> {
  return readIfHere(context, digest, MAX_MANIFEST_BYTES);
}

/** An image's configuration, of one that is here or of one that is kept with it. null: not here. */
export async function readConfig(context: ImageContext, digest: string): Promise<Buffer | null> {
  return context.store.configOf(digest) ?? (await readIfHere(context, digest, MAX_CONFIG_BYTES));
}

export function isAttestation(descriptor: Descriptor): boolean {
  return descriptor.annotations?.['vnd.docker.reference.type'] === ATTESTATION;
}

/** The digest of the manifest that an attestation is about; '' for other manifests. */
export function attestedDigest(descriptor: Descriptor): string {
  return isAttestation(descriptor) ? (descriptor.annotations?.['vnd.docker.reference.digest'] ?? '') : '';
}

/** A layer that is only served by its maker, not by registries. */
export function isForeignLayer(descriptor: Descriptor): boolean {
  return FOREIGN.test(descriptor.mediaType);
}

async function readIfHere(context: ImageContext, digest: string, maxBytes: number): Promise<Buffer | null> {
  try {
    return (await context.content.has(digest)) ? await context.content.read(digest, maxBytes) : null;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null; // removed meanwhile
    throw error;
  }
}
