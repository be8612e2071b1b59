import { notFound } from '../../shared/errors.js';
import {
  canonicalString,
  familiarName,
  familiarString,
  parseImageId,
  parseReference,
  withDefaultTag,
  type Reference,
} from '../../shared/reference.js';
import type { Image } from './image.js';
import type { ImageStore } from './image-store.js';

const ID_PREFIX = /^(?:sha256:)?([0-9a-f]{1,64})$/;

/**
 * The image that a user means: a full id, else a name (`name[:tag]`, `name@digest`), else the beginning of an id, if it is
 * of one image only. null: none. Throws invalid for what can be neither.
 */
export function findImage(store: ImageStore, ref: string): Image | null {
  const id = parseImageId(ref);
  if (id !== null) return store.get(id);
  const reference = parseReference(ref);
  const named = store.resolve(canonicalString(withDefaultTag(reference)));
  const byName = named === null ? null : store.get(named);
  return byName ?? byPrefix(store, ref);
}

/** As findImage, but an unknown one is not-found `No such image: x:latest`. */
export function getImage(store: ImageStore, ref: string): Image {
  const image = findImage(store, ref);
  if (image) return image;
  const id = parseImageId(ref);
  throw notFound(`No such image: ${id ?? inFull(withDefaultTag(parseReference(ref)))}`);
}

/** With the tag and the digest, where both were given. */
function inFull(reference: Reference): string {
  const { tag, digest } = reference;
  return tag !== '' && digest !== '' ? `${familiarName(reference)}:${tag}@${digest}` : familiarString(reference);
}

/** Whether the text names the image by (a part of) its id rather than by a reference. */
export function isIdOf(image: Image, ref: string): boolean {
  const match = ID_PREFIX.exec(ref);
  return match !== null && image.id.startsWith(`sha256:${match[1]}`);
}

function byPrefix(store: ImageStore, ref: string): Image | null {
  const prefix = ID_PREFIX.exec(ref)?.[1];
  if (prefix === undefined) return null;
  const found = store.all().filter((image) => image.id.startsWith(`sha256:${prefix}`));
  return found.length === 1 ? (found[0] ?? null) : null;
}

/** Whether the text begins the ids of several images. */
export function isAmbiguous(store: ImageStore, ref: string): boolean {
  const prefix = ID_PREFIX.exec(ref)?.[1];
  return prefix !== undefined && store.all().filter(({ id }) => id.startsWith(`sha256:${prefix}`)).length > 1;
}
