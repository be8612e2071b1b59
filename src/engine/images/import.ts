import type { Readable } from 'node:stream';
import { digestOf } from '../../shared/digest.js';
import { invalid } from '../../shared/errors.js';
import { hostPlatform, parsePlatform, type PlatformSpec } from '../../shared/platform.js';
import { familiarString, parseReference, withDefaultTag, withTag, type Reference } from '../../shared/reference.js';
import { formatRfc3339Nano, nowNs } from '../../shared/rfc3339.js';
import { COMPAT_VERSION } from '../../shared/version.js';
import { applyChanges } from './changes.js';
import { EMPTY_RUN_CONFIG, formatImageConfig } from './image-config.js';
import { emitImageEvent, type ImageContext } from './image-context.js';
import type { ProgressSink } from './image-service.js';

export interface ImportOptions {
  source: Readable;
  repo: string;
  tag: string;
  message: string;
  changes: string[];
  platform: string;
}

/** Makes an image of one layer from a root file system's archive. Returns its id. */
export async function importImage(
  context: ImageContext,
  options: ImportOptions,
  progress: ProgressSink,
  signal: AbortSignal,
): Promise<string> {
  const reference = referenceFor(options.repo, options.tag);
  const platform = platformFor(options.platform);
  const config = applyChanges(EMPTY_RUN_CONFIG, options.changes);
  const comment = options.message === '' ? 'Imported from -' : options.message;
  await using lease = context.layers.lease('remove');
  const { layer, blob } = await context.layers.create(options.source, [], lease, signal);
  const created = formatRfc3339Nano(nowNs());
  const bytes = formatImageConfig({
    created,
    author: '',
    comment,
    dockerVersion: COMPAT_VERSION,
    platform: { ...platform, osVersion: '' },
    config,
    diffIds: [layer.diffId],
    history: [{ created, createdBy: '', author: '', comment, emptyLayer: false }],
  });
  const image = context.store.add(
    { id: digestOf(bytes), config: bytes, parentId: '', descriptor: null, manifestDigests: [] },
    [layer],
    [blob],
  );
  if (reference) {
    context.store.setReferences([reference], image.id, true);
    emitImageEvent(context, 'tag', image, familiarString(reference));
  }
  progress({ status: image.id });
  emitImageEvent(context, 'import', image, image.id);
  return image.id;
}

/** Throws invalid for options that an import would refuse, before its source is asked for. */
export function checkImport(options: Omit<ImportOptions, 'source'>): void {
  referenceFor(options.repo, options.tag);
  platformFor(options.platform);
  applyChanges(EMPTY_RUN_CONFIG, options.changes);
}

/** Any architecture, but only what a container can be made of here. Throws invalid in dockerd's words. */
function platformFor(text: string): PlatformSpec {
  const platform = text === '' ? hostPlatform() : parsePlatform(text);
  if (platform.os !== hostPlatform().os) throw invalid('operating system is not supported');
  return platform;
}

/** What `repo` and `tag` of an import, tag or commit name; null: nothing. Throws invalid in dockerd's words. */
export function referenceFor(repo: string, tag: string): Reference | null {
  if (repo === '') return null;
  const reference = parseReference(repo);
  if (reference.digest !== '') throw invalid('cannot import digest reference');
  const named = withDefaultTag(withTag(reference, tag));
  if (named.domain === 'docker.io' && named.path === 'library/sha256') {
    throw invalid('refusing to create an ambiguous tag using digest algorithm as name');
  }
  return named;
}
