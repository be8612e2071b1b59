import type { Readable } from 'node:stream';
import { jobStream } from '../../host/archive/job-stream.js';
import type { LayoutFile } from '../../host/archive/jobs/layout-job.js';
import { digestHex } from '../../shared/digest.js';
import { internal, invalid, notFound } from '../../shared/errors.js';
import { formatPlatform, parsePlatform } from '../../shared/platform.js';
import {
  canonicalString,
  familiarName,
  familiarString,
  parseImageId,
  parseReference,
  repositoryName,
  type Reference,
} from '../../shared/reference.js';
import { findImage, isAmbiguous, isIdOf } from './find.js';
import { emitImageEvent, type ImageContext } from './image-context.js';
import { blobPath, holdForSave, savedForms, type SavedForm, type SavedImage } from './saved-form.js';
import { OCI_INDEX } from './manifest.js';

/**
 * An archive of the images that is both an OCI layout and what `docker load` of any version reads. What came by a manifest or an
 * index is handed on as it came, with its digests. Of other images layers are uncompressed, so that their digests are the diff IDs;
 * the same images give the same bytes. With platforms, only what is for one of them. Throws not-found before the first byte.
 * Source: dockerd 28.5 with both of its stores, observed.
 */
export async function saveImages(
  context: ImageContext,
  refs: string[],
  { platforms }: { platforms: string[] },
  signal: AbortSignal,
): Promise<Readable> {
  const images = chooseImages(context, refs);
  const lease = context.layers.lease('remove');
  const release = (): void => {
    Promise.resolve(lease[Symbol.asyncDispose]()).catch((error: unknown) => {
      context.log.warn({ err: error }, 'layers that were saved could not be let go');
    });
  };
  try {
    for (const { image } of images) holdForSave(context, image, lease);
    const forms: SavedForm[] = [];
    for (const image of images) forms.push(...(await savedForms(context, image, platforms)));
    if (forms.length === 0 && platforms.length > 0) {
      const wanted = platforms.map((platform) => formatPlatform(parsePlatform(platform)));
      throw internal(`no suitable export target found for platform ${wanted.join(', ')}`);
    }
    for (const { image } of images) emitImageEvent(context, 'save', image, image.id);
    const archive = jobStream('layout', { files: archiveFiles(forms) }, signal);
    // A client that leaves before the first byte ends it as well.
    archive.once('close', release);
    return archive;
  } catch (error) {
    release();
    throw error;
  }
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
    if (!image && isAmbiguous(context.store, ref)) throw invalid('ambiguous digest string');
    const reference = parseReference(ref);
    if (reference.tag === '' && reference.digest === '') {
      const tags = context.store.referencesIn(repositoryName(reference)).filter((found) => found.reference.tag !== '');
      if (tags.length === 0) throw notFound(`No such image: ${ref}`);
      for (const tag of tags) add(tag.imageId, tag.reference);
    } else {
      // Nothing can be called so: it was meant as an id.
      if (!image && familiarName(reference) === 'sha256') throw notFound(`No such image: ${ref}`);
      if (!image) throw notFound('reference does not exist');
      add(image.id, reference.digest === '' ? reference : null);
    }
  }
  return [...chosen.values()];
}

function archiveFiles(forms: readonly SavedForm[]): LayoutFile[] {
  const blobs = new Map<string, LayoutFile>();
  const indexEntries: object[] = [];
  const manifestEntries: object[] = [];
  const repositories: Record<string, Record<string, string>> = {};
  for (const { descriptor, files, imageId, layers, layerSources, references } of forms) {
    for (const file of files) if (!blobs.has(file.path)) blobs.set(file.path, file);
    indexEntries.push(...indexEntriesOf(descriptor, references));
    manifestEntries.push({
      Config: blobPath(imageId),
      RepoTags: references.length === 0 ? null : references.map(familiarString),
      Layers: layers.map(blobPath),
      ...(layerSources ? { LayerSources: sortKeys(layerSources) } : {}),
    });
    for (const reference of references) {
      const tags = (repositories[familiarName(reference)] ??= {});
      tags[reference.tag] = digestHex(layers.at(-1) ?? imageId);
    }
  }
  const plain = (path: string, content: Buffer): LayoutFile => ({
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

function jsonBytes(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** With the newline that dockerd's encoder ends these two with. */
function jsonLine(value: object): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}

function sortKeys<T>(map: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}
