import { digestHex, isDigest } from '../../shared/digest.js';
import { errorMessage, invalid, notFound } from '../../shared/errors.js';
import { hostPlatform, parsePlatform, platformScore, type PlatformSpec } from '../../shared/platform.js';
import { canonicalString, parseReference, withDefaultTag } from '../../shared/reference.js';
import { formatImageConfig, parseImageConfig } from './image-config.js';
import type { ArchiveSpool, SpooledFile } from './archive-spool.js';
import type { Descriptor } from './image.js';
import { isObject, objectField, objects, stringField, stringMap, strings, type JsonObject } from './json-fields.js';
import { listLegacyImages } from './list-legacy-images.js';
import {
  OCI_LAYER_TAR,
  OCI_MANIFEST,
  isManifestType,
  isOfImage,
  parseAnyManifest,
  parseDescriptor,
  type Manifest,
} from './manifest.js';
import { attestedDigest, isAttestation } from './manifest-tree.js';

/** See readManifestTree. */
const MAX_DEPTH = 4;
const MAX_MANIFESTS = 1000;

/** One image as an archive describes it. */
export interface ArchivedImage {
  config: SpooledFile;
  /** Bottom first; null: not in the archive, as its reader is expected to have it. */
  layers: ((SpooledFile & { mediaType: string }) | null)[];
  /** References as written, `foo:1`. */
  references: string[];
  /** The manifest or index by which the archive names the image; null: it has none that is worth keeping. */
  content: ArchivedContent | null;
}

/** A manifest or index of an archive, with all that the archive has of it. */
export interface ArchivedContent {
  root: Descriptor;
  /** The root among them. */
  manifests: SpooledFile[];
  blobs: SpooledFile[];
}

/**
 * What images an archive holds: from `index.json` (an OCI layout) and `manifest.json` (docker save since 1.10), else
 * `repositories` (docker save before). With `platforms`, only images for these.
 */
export function listArchivedImages(spool: ArchiveSpool, platforms: readonly string[]): ArchivedImage[] {
  const wanted = platforms.map(parsePlatform);
  const manifestJson = spool.text('manifest.json');
  const indexJson = spool.text('index.json');
  if (manifestJson !== null) {
    const listed = objects(parseJson('manifest.json', manifestJson)).map((item) => fromManifestJson(spool, item));
    const layout = indexJson === null ? [] : fromLayout(spool, parseJson('index.json', indexJson), wanted);
    const found = mergeLists(forPlatforms(listed, wanted), layout);
    if (found.length === 0 && wanted.length > 0) throw noPlatform();
    return found;
  }
  if (indexJson !== null) {
    const found = fromLayout(spool, parseJson('index.json', indexJson), wanted);
    if (found.length === 0 && wanted.length > 0) throw noPlatform();
    return found;
  }
  const repositories = spool.text('repositories');
  if (repositories !== null) return listLegacyImages(spool, parseJson('repositories', repositories), formatImageConfig);
  throw invalid('invalid archive: does not contain a manifest.json, index.json or repositories file');
}

/**
 * An archive that has both lists says in manifest.json what any reader can load, in index.json what else belongs to it: an
 * index, attestations, and images that manifest.json has no words for. What the layout has only repeats is left out.
 */
function mergeLists(listed: ArchivedImage[], layout: ArchivedImage[]): ArchivedImage[] {
  const kept = layout.filter(({ content, layers, config }) => content && !isPlain(content, layers, config));
  const keptNames = new Set(kept.flatMap(({ references }) => references.map(normalName)));
  const rest = listed.flatMap((image) => {
    const references = image.references.filter((name) => !keptNames.has(normalName(name)));
    const twin = kept.find((one) => hasConfig(one, image.config.digest));
    if (!twin) return [image];
    twin.references.push(...references);
    return [];
  });
  return [...rest, ...kept];
}

/** Whether it is the image with that configuration, or an index that has it for another platform. */
function hasConfig({ config, content }: ArchivedImage, digest: string): boolean {
  return config.digest === digest || (content?.blobs.some((blob) => blob.digest === digest) ?? false);
}

/** Whether a manifest is what any `docker save` makes of the image: uncompressed layers, and nothing to keep. */
function isPlain(content: ArchivedContent, layers: ArchivedImage['layers'], config: SpooledFile): boolean {
  if (content.root.mediaType !== OCI_MANIFEST || !config.bytes) return false;
  const { diffIds } = parseImageConfig(config.bytes);
  return layers.length === diffIds.length && layers.every((layer, i) => layer?.digest === diffIds[i]);
}

function normalName(name: string): string {
  return canonicalString(withDefaultTag(parseReference(name)));
}

/** Those of the images that are for one of the platforms; all when none is wanted. */
function forPlatforms(images: ArchivedImage[], wanted: PlatformSpec[]): ArchivedImage[] {
  if (wanted.length === 0) return images;
  return images.filter(({ config }) => {
    const platform = config.bytes ? parseImageConfig(config.bytes).platform : null;
    return platform !== null && wanted.some((one) => platformScore(one, platform) > 0);
  });
}

function noPlatform(): Error {
  return notFound('no image in the archive matches the requested platform');
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
  return { config, layers, references: strings(item['RepoTags']), content: null };
}

function fromLayout(spool: ArchiveSpool, index: unknown, wanted: PlatformSpec[]): ArchivedImage[] {
  if (!isObject(index)) throw invalid('invalid index.json: not an object');
  const images = new Map<string, ArchivedImage>();
  for (const entry of objects(index['manifests'])) {
    const root = parseDescriptor(entry);
    const name = layoutName(stringMap(entry, 'annotations'));
    const known = images.get(root.digest);
    if (known) {
      known.references.push(...name);
      continue;
    }
    const image = imageOf(spool, root, wanted);
    if (image) images.set(root.digest, { ...image, references: name });
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

/** The image of an index that is meant here, together with everything else that the index has. null: nothing is here. */
function imageOf(spool: ArchiveSpool, root: Descriptor, wanted: PlatformSpec[]): ArchivedImage | null {
  const found: FoundManifest[] = [];
  const blobs: SpooledFile[] = [];
  collect(spool, root, { wanted, depth: 1, found, blobs });
  const images = found.flatMap((one) => imageIn(spool, one));
  const chosen = pick(images, wanted);
  if (!chosen) {
    if (found.length === 0 || wanted.length > 0) return null;
    throw invalid('invalid archive: an index without an image');
  }
  const layers = chosen.manifest.layers.map((layer) => {
    const blob = spool.find(blobPath(layer.digest));
    return blob ? { ...blob, mediaType: layer.mediaType } : null;
  });
  const { config } = chosen;
  const [top] = found;
  const mediaType = top?.manifest.mediaType ?? root.mediaType;
  const content = {
    root: { mediaType, digest: root.digest, sizeBytes: top?.file.sizeBytes ?? root.sizeBytes },
    manifests: found.map(({ file }) => file),
    blobs,
  };
  return { config, layers, references: [], content };
}

interface FoundManifest {
  descriptor: Descriptor;
  manifest: Manifest;
  file: SpooledFile;
}

interface FoundImage {
  manifest: Manifest & { kind: 'image' };
  config: SpooledFile;
  platform: PlatformSpec;
}

function imageIn(spool: ArchiveSpool, { manifest, descriptor }: FoundManifest): FoundImage[] {
  if (manifest.kind !== 'image' || !isOfImage(manifest) || isAttestation(descriptor)) return [];
  const config = require(spool, blobPath(manifest.config.digest));
  const platform = descriptor.platform ?? parseImageConfig(config.bytes ?? Buffer.alloc(0)).platform;
  return [{ manifest, config, platform }];
}

/** Everything that an archive has of a manifest or index; of an index only what is for the wanted platforms. */
function collect(
  spool: ArchiveSpool,
  descriptor: Descriptor,
  into: { wanted: PlatformSpec[]; depth: number; found: FoundManifest[]; blobs: SpooledFile[] },
): void {
  const file = spool.find(blobPath(descriptor.digest));
  if (file && !isManifestType(descriptor.mediaType)) into.blobs.push(file);
  if (!isManifestType(descriptor.mediaType) || !file?.bytes) return;
  if (into.depth > MAX_DEPTH || into.found.some((one) => one.file === file)) return;
  if (into.found.length >= MAX_MANIFESTS) throw invalid('invalid archive: too many manifests in an index');
  if (file.digest !== descriptor.digest) throw invalid(`invalid archive: wrong digest of ${descriptor.digest}`);
  const manifest = parseAnyManifest(file.bytes, descriptor.mediaType);
  into.found.push({ descriptor, manifest, file });
  if (manifest.kind === 'index') {
    const children = manifest.manifests.filter((child) => isWanted(child, manifest.manifests, into.wanted));
    for (const child of children) collect(spool, child, { ...into, depth: into.depth + 1 });
    return;
  }
  for (const { digest } of [manifest.config, ...manifest.layers]) {
    const blob = spool.find(blobPath(digest));
    if (!blob) continue;
    if (blob.digest !== digest) throw invalid(`invalid archive: wrong digest of ${digest}`);
    into.blobs.push(blob);
  }
}

/** Attestations go with what they are about. */
function isWanted(child: Descriptor, all: Descriptor[], wanted: PlatformSpec[]): boolean {
  if (wanted.length === 0) return true;
  const about = all.find(({ digest }) => digest === attestedDigest(child)) ?? child;
  const { platform } = about;
  return platform === undefined || wanted.some((one) => platformScore(one, platform) > 0);
}

/** For the first of the wanted platforms that there is; without a wish, for this machine, or whatever there is. */
function pick(images: FoundImage[], wanted: PlatformSpec[]): FoundImage | null {
  const host = hostPlatform();
  const ours = wanted.some((one) => platformScore(one, host) > 0) ? [host, ...wanted] : wanted;
  for (const platform of wanted.length > 0 ? ours : [host]) {
    const score = (one: FoundImage): number => platformScore(platform, one.platform);
    const [best] = images.filter((one) => score(one) > 0).sort((a, b) => score(b) - score(a));
    if (best) return best;
  }
  return wanted.length > 0 ? null : (images.find(({ platform }) => platform.os !== 'unknown') ?? null);
}

function blobPath(digest: string): string {
  if (!isDigest(digest)) throw invalid(`invalid archive: bad digest ${JSON.stringify(digest)}`);
  return `blobs/sha256/${digestHex(digest)}`;
}
