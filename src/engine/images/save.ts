import { Readable } from 'node:stream';
import { decompress } from '../../host/archive/decompress.js';
import { encodeHeader, END_OF_ARCHIVE, paddingAfter } from '../../host/archive/tar-writer.js';
import { digestHex, digestOf } from '../../shared/digest.js';
import { internal, notFound } from '../../shared/errors.js';
import { formatPlatform, parsePlatform, platformScore } from '../../shared/platform.js';
import {
  canonicalString,
  familiarName,
  familiarString,
  parseImageId,
  parseReference,
  repositoryName,
  type Reference,
} from '../../shared/reference.js';
import { parseRfc3339Ns } from '../../shared/rfc3339.js';
import { findImage, isIdOf } from './find.js';
import { emitImageEvent, type ImageContext } from './image-context.js';
import type { Image } from './image.js';
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER_TAR, OCI_MANIFEST } from './manifest.js';

interface SavedImage {
  image: Image;
  config: Buffer;
  references: Reference[];
}

interface ArchiveFile {
  path: string;
  mtimeNs: bigint;
  sizeBytes: number;
  content: Buffer | (() => Promise<Readable>);
}

/**
 * An archive of the images that is both an OCI layout and what `docker load` of any version reads. Layers are
 * uncompressed, so that their digests are the diff IDs, and the same images give the same bytes. With platforms, only images
 * for one of them. Throws not-found before the first byte. Source: dockerd 28.5, observed.
 */
export async function saveImages(
  context: ImageContext,
  refs: string[],
  { platforms }: { platforms: string[] },
  signal: AbortSignal,
): Promise<Readable> {
  const wanted = platforms.map(parsePlatform);
  const images = chooseImages(context, refs).filter(
    ({ image }) => wanted.length === 0 || wanted.some((platform) => platformScore(platform, image.platform) > 0),
  );
  if (images.length === 0 && wanted.length > 0) {
    throw internal(`no suitable export target found for platform ${wanted.map(formatPlatform).join(', ')}`);
  }
  const lease = context.layers.lease('remove');
  for (const { image } of images) lease.hold(...image.chainIds, ...layerBlobs(context, image));
  const files = archiveFiles(context, images);
  for (const { image } of images) emitImageEvent(context, 'save', image, image.id);
  return Readable.from(
    (async function* () {
      await using _ = lease;
      yield* writeArchive(files, signal);
    })(),
    { objectMode: false, highWaterMark: 1024 * 1024 },
  );
}

function layerBlobs(context: ImageContext, image: Image): string[] {
  return image.diffIds.flatMap((diffId) => context.store.blobsOf(diffId).map((blob) => blob.digest));
}

/** A name without a tag stands for all tags of its repository; an id for the image without names. */
function chooseImages(context: ImageContext, refs: string[]): SavedImage[] {
  const chosen = new Map<string, SavedImage>();
  const add = (imageId: string, reference: Reference | null): void => {
    const image = context.store.get(imageId);
    const config = context.store.configOf(imageId);
    if (!image || !config) throw notFound(`No such image: ${imageId}`);
    const saved = chosen.get(imageId) ?? { image, config, references: [] };
    if (reference && !saved.references.some((other) => canonicalString(other) === canonicalString(reference))) {
      saved.references.push(reference);
    }
    chosen.set(imageId, saved);
  };
  for (const ref of refs) {
    const image = findImage(context.store, ref);
    if (image && isIdOf(image, ref)) {
      add(image.id, null);
      continue;
    }
    if (parseImageId(ref) !== null) throw notFound(`No such image: ${ref}`);
    const reference = parseReference(ref);
    if (reference.tag === '' && reference.digest === '') {
      const tags = context.store.referencesIn(repositoryName(reference)).filter((found) => found.reference.tag !== '');
      if (tags.length === 0) throw notFound(`No such image: ${ref}`);
      for (const tag of tags) add(tag.imageId, tag.reference);
    } else {
      if (!image) throw notFound(`No such image: ${ref}`);
      add(image.id, reference.digest === '' ? reference : null);
    }
  }
  return [...chosen.values()];
}

function archiveFiles(context: ImageContext, images: SavedImage[]): ArchiveFile[] {
  const blobs = new Map<string, ArchiveFile>();
  const indexEntries: object[] = [];
  const manifestEntries: object[] = [];
  const repositories: Record<string, Record<string, string>> = {};
  const addBlob = (digest: string, file: Omit<ArchiveFile, 'path'>): void => {
    const path = blobPath(digest);
    if (!blobs.has(path)) blobs.set(path, { path, ...file });
  };
  for (const { image, config, references } of images) {
    const mtimeNs = (parseRfc3339Ns(image.created) ?? 0n) < 0n ? 0n : (parseRfc3339Ns(image.created) ?? 0n);
    const layers = layerDescriptors(context, image);
    for (const layer of layers) {
      addBlob(layer.digest, { mtimeNs, sizeBytes: layer.size, content: () => openLayer(context, layer.digest) });
    }
    addBlob(image.id, { mtimeNs, sizeBytes: config.length, content: config });
    const manifest = jsonBytes({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: OCI_CONFIG, digest: image.id, size: config.length },
      layers,
    });
    const manifestDigest = digestOf(manifest);
    addBlob(manifestDigest, { mtimeNs: 0n, sizeBytes: manifest.length, content: manifest });
    const descriptor = { mediaType: OCI_MANIFEST, digest: manifestDigest, size: manifest.length };
    indexEntries.push(...indexEntriesOf(descriptor, references));
    manifestEntries.push({
      Config: blobPath(image.id),
      RepoTags: references.length === 0 ? null : references.map(familiarString),
      Layers: layers.map((layer) => blobPath(layer.digest)),
      LayerSources: layerSources(layers),
    });
    for (const reference of references) {
      const tags = (repositories[familiarName(reference)] ??= {});
      tags[reference.tag] = digestHex(layers.at(-1)?.digest ?? image.id);
    }
  }
  const plain = (path: string, content: Buffer): ArchiveFile => ({
    path,
    mtimeNs: 0n,
    sizeBytes: content.length,
    content,
  });
  return [
    ...[...blobs.values()].sort((a, b) => (a.path < b.path ? -1 : 1)),
    plain('index.json', jsonBytes({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: indexEntries })),
    plain('manifest.json', jsonLine(manifestEntries)),
    plain('oci-layout', Buffer.from('{"imageLayoutVersion": "1.0.0"}')),
    ...(Object.keys(repositories).length === 0 ? [] : [plain('repositories', jsonLine(sortKeys(repositories)))]),
  ];
}

function layerDescriptors(context: ImageContext, image: Image): { mediaType: string; digest: string; size: number }[] {
  return image.chainIds.map((chainId, i) => {
    const layer = context.store.layer(chainId);
    if (!layer) throw internal(`layer ${chainId} of image ${image.id} is missing`);
    return { mediaType: OCI_LAYER_TAR, digest: image.diffIds[i] ?? '', size: layer.archiveSizeBytes };
  });
}

function indexEntriesOf(descriptor: object, references: Reference[]): object[] {
  if (references.length === 0) return [descriptor];
  return references.map((reference) => ({
    ...descriptor,
    annotations: {
      'io.containerd.image.name': canonicalString(reference),
      'org.opencontainers.image.ref.name': reference.tag,
    },
  }));
}

/** The layer's archive, uncompressed, from whichever form of it is kept. */
async function openLayer(context: ImageContext, diffId: string): Promise<Readable> {
  if (await context.content.has(diffId)) return context.content.createReadStream(diffId);
  for (const blob of context.store.blobsOf(diffId)) {
    if (!(await context.content.has(blob.digest))) continue;
    return (await decompress(context.content.createReadStream(blob.digest))).stream;
  }
  throw internal(`the archive of layer ${diffId} is missing`);
}

async function* writeArchive(files: ArchiveFile[], signal: AbortSignal): AsyncGenerator<Buffer> {
  const base = { uid: 0, gid: 0, linkName: '', deviceMajor: 0, deviceMinor: 0, xattrs: null };
  const directoryTime = files.reduce((latest, file) => (file.mtimeNs > latest ? file.mtimeNs : latest), 0n);
  for (const name of ['blobs/', 'blobs/sha256/']) {
    if (!files.some((file) => file.path.startsWith(name))) continue;
    yield encodeHeader({ ...base, name, type: 'directory', mode: 0o755, sizeBytes: 0, mtimeNs: directoryTime });
  }
  for (const file of files) {
    signal.throwIfAborted();
    const { path, sizeBytes, mtimeNs, content } = file;
    yield encodeHeader({ ...base, name: path, type: 'file', mode: 0o644, sizeBytes, mtimeNs });
    if (Buffer.isBuffer(content)) yield content;
    else yield* exactly(await content(), sizeBytes, path, signal);
    yield paddingAfter(sizeBytes);
  }
  yield END_OF_ARCHIVE;
}

async function* exactly(
  stream: Readable,
  sizeBytes: number,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  let seen = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      seen += chunk.length;
      if (seen > sizeBytes) break;
      yield chunk;
    }
  } finally {
    stream.destroy();
  }
  // A header that promised another size would shift everything after it.
  if (seen !== sizeBytes) throw internal(`${path} has ${seen} bytes instead of ${sizeBytes}`);
}

function blobPath(digest: string): string {
  return `blobs/sha256/${digestHex(digest)}`;
}

function jsonBytes(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** With the newline that dockerd's encoder ends these two with. */
function jsonLine(value: object): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}

/** By digest, in the order of digests; the fields in another order than in a manifest, as dockerd has them here. */
function layerSources(layers: { mediaType: string; digest: string; size: number }[]): Record<string, object> {
  return sortKeys(
    Object.fromEntries(layers.map(({ mediaType, size, digest }) => [digest, { mediaType, size, digest }])),
  );
}

function sortKeys<T>(map: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}
