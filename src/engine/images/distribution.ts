import type { RegistryClient, ServedManifest } from '../../host/registry/registry-client.js';
import { RegistryError } from '../../host/registry/registry-error.js';
import { internal } from '../../shared/errors.js';
import { hostPlatform } from '../../shared/platform.js';
import { parseImageId, parseReference, withDefaultTag } from '../../shared/reference.js';
import { parseImageConfig } from './image-config.js';
import type { ImageContext } from './image-context.js';
import type { RegistryCredentials } from './image-service.js';
import type { Descriptor, Platform } from './image.js';
import { MAX_CONFIG_BYTES, parseManifest } from './manifest.js';

/** What a registry has under a reference, without pulling it. */
export interface Distribution {
  descriptor: Descriptor;
  platforms: Platform[];
}

/**
 * Asks the registry itself, or the first of its mirrors that knows. An unknown one is not-found in the registry's words.
 * Source: dockerd 28.5, observed.
 */
export async function inspectDistribution(
  context: ImageContext,
  ref: string,
  credentials: RegistryCredentials | null,
  signal: AbortSignal,
): Promise<Distribution> {
  if (parseImageId(ref) !== null) throw internal('no manifest found for full image ID');
  const reference = withDefaultTag(parseReference(ref));
  const { domain, path, tag, digest } = reference;
  const clients = context.registries.clients(domain, path, credentials, 'pull');
  return context.registries.firstWorking(clients, async (client) => {
    await client.ping(signal);
    const served = await client.manifest(digest === '' ? tag : digest, signal);
    return describe(client, served, signal);
  });
}

async function describe(client: RegistryClient, served: ServedManifest, signal: AbortSignal): Promise<Distribution> {
  const manifest = parseManifest(served.bytes, served.mediaType);
  const descriptor = { mediaType: served.mediaType, digest: served.digest, sizeBytes: served.bytes.length };
  if (manifest.kind === 'index') {
    const platforms = manifest.manifests.map((entry) => entry.platform);
    return { descriptor, platforms: platforms.filter((platform) => platform !== undefined) };
  }
  return { descriptor, platforms: [await platformOf(client, manifest.config.digest, signal)] };
}

/** A configuration that can't be had does not keep the digest back. */
async function platformOf(client: RegistryClient, configDigest: string, signal: AbortSignal): Promise<Platform> {
  try {
    return parseImageConfig(await client.smallBlob(configDigest, MAX_CONFIG_BYTES, signal)).platform;
  } catch (error) {
    if (error instanceof RegistryError) return { ...hostPlatform(), osVersion: '' };
    throw error;
  }
}
