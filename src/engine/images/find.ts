import { notFound } from '../../shared/errors.js';
import {
  canonicalString,
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
  return byName ?? byPrefix(store, ref) ?? byIdInRepository(store, reference);
}

/** As findImage, but an unknown one is not-found `No such image: x:latest`. */
export function getImage(store: ImageStore, ref: string): Image {
  const image = findImage(store, ref);
  if (image) return image;
  const id = parseImageId(ref);
  throw notFound(`No such image: ${id ?? familiarString(withDefaultTag(parseReference(ref)))}`);
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

/** `name@sha256:<image id>`, where the name is one of the image's. */
function byIdInRepository(store: ImageStore, reference: Reference): Image | null {
  const image = reference.digest === '' ? null : store.get(reference.digest);
  if (!image) return null;
  const sameRepository = (other: Reference): boolean =>
    other.domain === reference.domain && other.path === reference.path;
  return store.referencesOf(image.id).some(sameRepository) ? image : null;
}
