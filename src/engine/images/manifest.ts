import { isDigest } from '../../shared/digest.js';
import { errorMessage, internal, invalid, notFound } from '../../shared/errors.js';
import { formatPlatform, platformScore, type PlatformSpec } from '../../shared/platform.js';
import type { Descriptor, Platform } from './image.js';
import { isObject, numberField, objectField, objects, stringField, stringMap, type JsonObject } from './json-fields.js';

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
export const OCI_LAYER_TAR = 'application/vnd.oci.image.layer.v1.tar';
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
export const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
export const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json';
export const DOCKER_LAYER_GZIP = 'application/vnd.docker.image.rootfs.diff.tar.gzip';

/** A configuration larger than this is not one. */
export const MAX_CONFIG_BYTES = 8 * 1024 * 1024;

export type Manifest =
  | { kind: 'image'; mediaType: string; config: Descriptor; layers: Descriptor[] }
  | { kind: 'index'; mediaType: string; manifests: Descriptor[] };

const IMAGE_CONFIGS = [OCI_CONFIG, DOCKER_CONFIG, 'application/octet-stream', ''];

/**
 * Parses a manifest or index, of an image or of anything else. `servedAs` is what its server called it. Throws when it is neither.
 */
export function parseAnyManifest(bytes: Buffer, servedAs: string): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw internal(`error parsing manifest: ${errorMessage(error)}`, error);
  }
  if (!isObject(json)) throw internal('error parsing manifest: not an object');
  const mediaType = stringField(json, 'mediaType') || servedAs;
  if (json['schemaVersion'] === 1) {
    throw invalid(
      'Docker Image Format v1 and Docker Image manifest version 2, schema 1 are not supported. ' +
        'Push the image again with a newer version of Docker.',
    );
  }
  if (json['schemaVersion'] !== 2)
    throw internal(`unsupported manifest media type and no default available: ${servedAs}`);
  if (Array.isArray(json['manifests']) && !('config' in json)) {
    return {
      kind: 'index',
      mediaType: mediaType || OCI_INDEX,
      manifests: objects(json['manifests']).map(parseDescriptor),
    };
  }
  if (!isObject(json['config']) || !Array.isArray(json['layers'])) {
    throw internal(`unsupported manifest media type and no default available: ${mediaType}`);
  }
  const config = parseDescriptor(json['config']);
  return {
    kind: 'image',
    mediaType: mediaType || OCI_MANIFEST,
    config,
    layers: objects(json['layers']).map(parseDescriptor),
  };
}

/** As parseManifest, but throws invalid for what is neither an index nor of an image: charts, signatures and the like. */
export function parseManifest(bytes: Buffer, servedAs: string): Manifest {
  const manifest = parseAnyManifest(bytes, servedAs);
  if (manifest.kind === 'image' && !isOfImage(manifest)) {
    throw invalid(`unsupported media type ${manifest.config.mediaType} of the image's configuration`);
  }
  return manifest;
}

export function isIndexType(mediaType: string): boolean {
  return mediaType === OCI_INDEX || mediaType === DOCKER_LIST;
}

/** Whether a descriptor is of a manifest or an index, as far as it says; an index may name anything. */
export function isManifestType(mediaType: string): boolean {
  return isIndexType(mediaType) || [OCI_MANIFEST, DOCKER_MANIFEST, ''].includes(mediaType);
}

/** Whether the configuration that it names is an image's. */
export function isOfImage(manifest: Manifest): boolean {
  return manifest.kind === 'image' && IMAGE_CONFIGS.includes(manifest.config.mediaType);
}

export function parseDescriptor(json: JsonObject): Descriptor {
  const digest = stringField(json, 'digest');
  if (!isDigest(digest)) throw internal(`invalid digest in manifest: ${JSON.stringify(digest)}`);
  const platform = objectField(json, 'platform');
  return {
    mediaType: stringField(json, 'mediaType'),
    digest,
    sizeBytes: numberField(json, 'size'),
    ...(isObject(json['annotations']) ? { annotations: stringMap(json, 'annotations') } : {}),
    ...(isObject(json['platform']) ? { platform: parsePlatformObject(platform) } : {}),
  };
}

function parsePlatformObject(json: JsonObject): Platform {
  return {
    os: stringField(json, 'os'),
    architecture: stringField(json, 'architecture'),
    variant: stringField(json, 'variant'),
    osVersion: stringField(json, 'os.version'),
  };
}

/** The manifest of an index that serves the platform best. Throws not-found in dockerd's words. */
export function choosePlatform(manifests: Descriptor[], wanted: PlatformSpec): Descriptor {
  let best: Descriptor | null = null;
  let bestScore = 0;
  for (const manifest of manifests) {
    const score = manifest.platform ? platformScore(wanted, manifest.platform) : 0;
    if (score > bestScore) [best, bestScore] = [manifest, score];
  }
  if (best) return best;
  throw notFound(`no matching manifest for ${formatPlatform(wanted)} in the manifest list entries`);
}
