import type { Descriptor, ImageManifest, ImageSummary, Platform } from '../../engine/images/image.js';
import { omitZero } from './wire.js';

/** A row of `GET /images/json`, with every field of every version. */
export function fromImageSummary({ image, sharedSizeBytes, containers }: ImageSummary) {
  const created = Date.parse(image.created);
  return {
    Containers: containers,
    Created: Number.isNaN(created) ? 0 : Math.floor(created / 1000),
    Id: image.id,
    Labels: Object.keys(image.config.labels).length > 0 ? image.config.labels : null,
    ParentId: image.parentId,
    Descriptor: fromDescriptor(image.descriptor),
    RepoDigests: image.repoDigests,
    RepoTags: image.repoTags,
    SharedSize: sharedSizeBytes,
    Size: image.sizeBytes,
    VirtualSize: image.sizeBytes,
  };
}

export type WireImageSummary = ReturnType<typeof fromImageSummary>;

/** An entry of `Manifests`. */
export function fromImageManifest(manifest: ImageManifest) {
  const { descriptor, kind, contentBytes, unpackedBytes } = manifest;
  return {
    ID: descriptor.digest,
    Descriptor: fromDescriptor(descriptor),
    Available: manifest.available,
    Size: { Total: contentBytes + unpackedBytes, Content: contentBytes },
    Kind: kind,
    ImageData:
      kind === 'image'
        ? {
            Platform: fromPlatform(manifest.platform),
            Size: { Unpacked: unpackedBytes },
            Containers: manifest.containerIds,
          }
        : undefined,
    AttestationData: kind === 'attestation' ? { For: manifest.attestationFor } : undefined,
  };
}

/** An OCI descriptor; undefined when there is none. */
export function fromDescriptor(descriptor: Descriptor | null) {
  if (!descriptor) return undefined;
  const { platform } = descriptor;
  return {
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.sizeBytes,
    annotations: descriptor.annotations,
    platform: platform && fromPlatform(platform),
  };
}

/** An OCI platform. */
export function fromPlatform(platform: Platform) {
  return {
    architecture: platform.architecture,
    os: platform.os,
    'os.version': omitZero(platform.osVersion),
    variant: omitZero(platform.variant),
  };
}
