import type { Container } from '../../engine/containers/container.js';
import { omitZero } from './wire.js';

/** `ImageManifestDescriptor` (OCI names, hence lower case); undefined when the manifest is unknown. */
export function fromManifestDescriptor(descriptor: Container['imageManifestDescriptor']) {
  if (!descriptor) return undefined;
  const { mediaType, digest, sizeBytes, platform } = descriptor;
  return {
    mediaType,
    digest,
    size: sizeBytes,
    platform: platform
      ? { architecture: platform.architecture, os: platform.os, variant: omitZero(platform.variant) }
      : undefined,
  };
}
