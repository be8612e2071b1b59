import { hasCode } from '../../shared/errors.js';
import type { ImageContext } from './image-context.js';
import type { Descriptor, Image, ImageManifest, Platform } from './image.js';
import { OCI_MANIFEST, parseManifest, type Manifest } from './manifest.js';

const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const ATTESTATION = 'attestation-manifest';

/**
 * The manifests of an image, for `docker images --tree`: its own, and of an index that it came by also those for other
 * platforms, which are not here, and attestations. Empty for an image that came without one and was never pushed.
 */
export async function imageManifests(context: ImageContext, image: Image): Promise<ImageManifest[]> {
  const found: ImageManifest[] = [];
  for (const digest of context.store.manifestDigestsOf(image.id)) {
    const manifest = await readManifest(context, digest);
    if (!manifest) continue;
    const entries = manifest.parsed.kind === 'index' ? manifest.parsed.manifests : [ownDescriptor(manifest, digest)];
    for (const descriptor of entries) {
      if (found.some((other) => other.descriptor.digest === descriptor.digest)) continue;
      found.push(await describe(context, image, descriptor));
    }
  }
  return found;
}

async function describe(context: ImageContext, image: Image, descriptor: Descriptor): Promise<ImageManifest> {
  const annotations = descriptor.annotations ?? {};
  const isAttestation = annotations['vnd.docker.reference.type'] === ATTESTATION;
  const manifest = (await readManifest(context, descriptor.digest))?.parsed ?? null;
  const isOwn = manifest?.kind === 'image' && manifest.config.digest === image.id;
  const platform: Platform = descriptor.platform ?? image.platform;
  return {
    descriptor,
    kind: isAttestation ? 'attestation' : platform.os === 'unknown' ? 'unknown' : 'image',
    available: isOwn,
    contentBytes: isOwn ? await contentBytes(context, manifest, descriptor.sizeBytes) : 0,
    unpackedBytes: isOwn ? image.sizeBytes : 0,
    platform,
    containerIds: isOwn ? context.imageUsers(image.id).map(({ id }) => id) : [],
    attestationFor: isAttestation ? (annotations['vnd.docker.reference.digest'] ?? '') : '',
  };
}

/** Of the manifest, the configuration and the layers' blobs that are here. */
async function contentBytes(context: ImageContext, manifest: Manifest, manifestBytes: number): Promise<number> {
  if (manifest.kind === 'index') return manifestBytes;
  let bytes = manifestBytes + manifest.config.sizeBytes;
  for (const { digest } of manifest.layers) bytes += (await context.content.size(digest)) ?? 0;
  return bytes;
}

interface KeptManifest {
  parsed: Manifest;
  sizeBytes: number;
}

function ownDescriptor({ parsed, sizeBytes }: KeptManifest, digest: string): Descriptor {
  return { mediaType: parsed.mediaType || OCI_MANIFEST, digest, sizeBytes };
}

/** null: it is not here. */
async function readManifest(context: ImageContext, digest: string): Promise<KeptManifest | null> {
  try {
    if (!(await context.content.has(digest))) return null;
    const bytes = await context.content.read(digest, MAX_MANIFEST_BYTES);
    return { parsed: parseManifest(bytes, ''), sizeBytes: bytes.length };
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null; // removed meanwhile
    throw error;
  }
}
