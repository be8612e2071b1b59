import type { RegistryClient } from '../../host/registry/registry-client.js';
import type { ImageContext } from './image-context.js';
import { parseAnyManifest, type Manifest } from './manifest.js';
import { attestedDigest } from './manifest-tree.js';

/** Attestations are JSON of some kilobytes; what is larger is none, or not worth waiting for. */
const MAX_BLOB_BYTES = 16 * 1024 * 1024;
const MAX_BLOBS = 64;

/**
 * Fetches what an index says about the manifest that was chosen of it: provenance, bills of materials. With them an index for one
 * platform is complete, and can be saved and pushed as it came. They are an extra: a registry that does not have them makes the
 * pull no failure.
 */
export async function pullAttestations(
  context: ImageContext,
  client: RegistryClient,
  { index, chosenDigest, imageId }: { index: Manifest; chosenDigest: string; imageId: string },
  signal: AbortSignal,
): Promise<void> {
  if (index.kind !== 'index') return;
  const known = new Set(context.store.contentOf(imageId));
  const wanted = index.manifests.filter((entry) => attestedDigest(entry) === chosenDigest && !known.has(entry.digest));
  for (const { digest } of wanted) {
    try {
      await pullAttestation(context, client, digest, imageId, signal);
    } catch (error) {
      signal.throwIfAborted();
      context.log.warn({ err: error, digest }, 'an attestation could not be pulled');
    }
  }
}

async function pullAttestation(
  context: ImageContext,
  client: RegistryClient,
  digest: string,
  imageId: string,
  signal: AbortSignal,
): Promise<void> {
  const served = await client.manifest(digest, signal);
  const manifest = parseAnyManifest(served.bytes, served.mediaType);
  if (manifest.kind !== 'image') return;
  const blobs = [manifest.config, ...manifest.layers];
  if (blobs.length > MAX_BLOBS || blobs.some(({ sizeBytes }) => sizeBytes > MAX_BLOB_BYTES)) return;
  await using lease = context.layers.lease('remove');
  for (const blob of blobs) {
    lease.hold(blob.digest);
    if (await context.content.has(blob.digest)) continue;
    await context.content.put(await client.smallBlob(blob.digest, MAX_BLOB_BYTES, signal));
  }
  lease.hold(digest);
  await context.content.put(served.bytes);
  context.store.addContent(
    imageId,
    [digest],
    blobs.map((blob) => blob.digest),
  );
}
