import { digestHex, isDigest } from '../../shared/digest.js';
import { errorMessage, invalid, notFound } from '../../shared/errors.js';
import { hostPlatform, parsePlatform, platformScore, type PlatformSpec } from '../../shared/platform.js';
import { formatImageConfig, parseImageConfig } from './image-config.js';
import type { ArchiveSpool, SpooledFile } from './archive-spool.js';
import type { Descriptor } from './image.js';
import { isObject, objectField, objects, stringField, stringMap, strings, type JsonObject } from './json-fields.js';
import { listLegacyImages } from './list-legacy-images.js';
import { OCI_LAYER_TAR, parseDescriptor, parseManifest } from './manifest.js';

/** One image as an archive describes it. */
export interface ArchivedImage {
  config: SpooledFile;
  /** Bottom first; null: not in the archive, as its reader is expected to have it. */
  layers: ((SpooledFile & { mediaType: string }) | null)[];
  /** References as written, `foo:1`. */
  references: string[];
  /** The image's own manifest, where the archive has one. */
  manifest: { digest: string; mediaType: string; file: SpooledFile } | null;
}

/**
 * What images an archive holds: from `manifest.json` (docker save since 1.10), else `index.json` (an OCI layout), else
 * `repositories` (docker save before). With `platforms`, only images for these.
 */
export function listArchivedImages(spool: ArchiveSpool, platforms: readonly string[]): ArchivedImage[] {
  const wanted = platforms.map(parsePlatform);
  const manifestJson = spool.text('manifest.json');
  if (manifestJson !== null)
    return forPlatforms(
      objects(parseJson('manifest.json', manifestJson)).map((item) => fromManifestJson(spool, item)),
      wanted,
    );
  const indexJson = spool.text('index.json');
  if (indexJson !== null) return fromLayout(spool, parseJson('index.json', indexJson), wanted);
  const repositories = spool.text('repositories');
  if (repositories !== null) return listLegacyImages(spool, parseJson('repositories', repositories), formatImageConfig);
  throw invalid('invalid archive: does not contain a manifest.json, index.json or repositories file');
}

/** Those of the images that are for one of the platforms; all when none is wanted. */
function forPlatforms(images: ArchivedImage[], wanted: PlatformSpec[]): ArchivedImage[] {
  if (wanted.length === 0) return images;
  const found = images.filter(({ config }) => {
    const platform = config.bytes ? parseImageConfig(config.bytes).platform : null;
    return platform !== null && wanted.some((one) => platformScore(one, platform) > 0);
  });
  if (found.length === 0) throw notFound('no image in the archive matches the requested platform');
  return found;
}

/** Parses a file of the archive. Throws invalid. */
function parseJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(`invalid ${name}: ${errorMessage(error)}`, error);
  }
}

function require(spool: ArchiveSpool, path: string): SpooledFile {
  const file = spool.find(path);
  if (!file) throw invalid(`invalid archive: ${path}: no such file or directory`);
  return file;
}

function fromManifestJson(spool: ArchiveSpool, item: JsonObject): ArchivedImage {
  const sources = objectField(item, 'LayerSources');
  const types = new Map(
    Object.values(sources)
      .filter(isObject)
      .map((source) => [stringField(source, 'digest'), stringField(source, 'mediaType')]),
  );
  const layers = strings(item['Layers']).map((path) => {
    const file = spool.find(path);
    return file ? { ...file, mediaType: types.get(file.digest) || OCI_LAYER_TAR } : null;
  });
  const config = require(spool, stringField(item, 'Config'));
  return { config, layers, references: strings(item['RepoTags']), manifest: null };
}

function fromLayout(spool: ArchiveSpool, index: unknown, wanted: PlatformSpec[]): ArchivedImage[] {
  if (!isObject(index)) throw invalid('invalid index.json: not an object');
  const images = new Map<string, ArchivedImage>();
  for (const entry of objects(index['manifests'])) {
    const descriptor = parseDescriptor(entry);
    const name = layoutName(stringMap(entry, 'annotations'));
    for (const image of imagesOf(spool, descriptor, wanted)) {
      const known = images.get(image.config.digest);
      if (known) known.references.push(...name);
      else images.set(image.config.digest, { ...image, references: name });
    }
  }
  return [...images.values()];
}

function layoutName(annotations: Record<string, string>): string[] {
  const full = annotations['io.containerd.image.name'];
  if (full !== undefined) return [full];
  // Only some writers put a whole reference here; the specification wants a tag.
  const ref = annotations['org.opencontainers.image.ref.name'] ?? '';
  return /[/:]/.test(ref) ? [ref] : [];
}

function imagesOf(spool: ArchiveSpool, descriptor: Descriptor, wanted: PlatformSpec[]): ArchivedImage[] {
  const file = spool.find(blobPath(descriptor.digest));
  if (!file?.bytes) return [];
  if (file.digest !== descriptor.digest) throw invalid(`invalid archive: wrong digest of ${descriptor.digest}`);
  const manifest = parseManifest(file.bytes, descriptor.mediaType);
  if (manifest.kind === 'index') {
    const available = manifest.manifests.filter((entry) => spool.find(blobPath(entry.digest)));
    const found = pick(available, wanted).flatMap((entry) => imagesOf(spool, entry, wanted));
    if (found.length === 0) throw notFound('no image in the archive matches the requested platform');
    return found;
  }
  const layers = manifest.layers.map((layer) => {
    const blob = spool.find(blobPath(layer.digest));
    return blob ? { ...blob, mediaType: layer.mediaType } : null;
  });
  const config = require(spool, blobPath(manifest.config.digest));
  const own = { digest: file.digest, mediaType: manifest.mediaType, file };
  return [{ config, layers, references: [], manifest: own }];
}

/** The manifests for the wanted platforms, best first; without a wish, for this machine, or whatever there is. */
function pick(manifests: Descriptor[], wanted: PlatformSpec[]): Descriptor[] {
  const best = (platform: PlatformSpec): Descriptor[] =>
    manifests
      .filter((entry) => entry.platform && platformScore(platform, entry.platform) > 0)
      .sort((a, b) => platformScore(platform, b.platform ?? platform) - platformScore(platform, a.platform ?? platform))
      .slice(0, 1);
  if (wanted.length > 0) return wanted.flatMap(best);
  const native = best(hostPlatform());
  return native.length > 0 ? native : manifests.filter((entry) => entry.platform?.os !== 'unknown').slice(0, 1);
}

function blobPath(digest: string): string {
  if (!isDigest(digest)) throw invalid(`invalid archive: bad digest ${JSON.stringify(digest)}`);
  return `blobs/sha256/${digestHex(digest)}`;
}
