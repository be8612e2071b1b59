import { shortDigest } from '../../shared/digest.js';
import { conflict } from '../../shared/errors.js';
import {
  canonicalString,
  familiarString,
  parseReference,
  repositoryName,
  withDefaultTag,
  type Reference,
} from '../../shared/reference.js';
import { getImage, isIdOf } from './find.js';
import { emitImageEvent, type ImageContext } from './image-context.js';
import type { Image, ImageDeleteItem } from './image.js';

interface Conflict {
  reason: string;
  /** Whether `force` overrules it. */
  soft: boolean;
}

/**
 * Removes a name, or the image if it was the last one; or by id the image with all its names. Refused with conflict, in
 * dockerd's words, while a container or another image stands on it. Source: dockerd 28.5, observed.
 */
export async function removeImage(
  context: ImageContext,
  ref: string,
  options: { force: boolean; noPrune: boolean },
): Promise<ImageDeleteItem[]> {
  const { store } = context;
  const image = getImage(store, ref);
  const items: ImageDeleteItem[] = [];
  const references = store.referencesOf(image.id);
  let quiet = false;
  if (!isIdOf(image, ref)) {
    const given = parseReference(ref);
    const name = withDefaultTag(given);
    if (!options.force && isSingleReference(references)) refuseUsedName(context, image, given);
    // As dockerd: of the digests that go with the last tag of a repository nothing is told.
    untag(context, image, namesToRemove(references, name), items, { told: 1 });
    if (store.referencesOf(image.id).length > 0) return items;
    quiet = true;
  } else {
    const single = isSingleReference(references);
    const found = findConflict(context, image, { checkNames: !single });
    if (found && !(found.soft && options.force)) throw conflictError(image, found);
    untag(context, image, references, items);
  }
  await deleteImage(context, image.id, { ...options, quiet }, items);
  return items;
}

/** Removes an untagged image, then its untagged parents. `quiet`: one that is still needed is left without a word. */
export async function deleteImage(
  context: ImageContext,
  imageId: string,
  options: { force: boolean; noPrune: boolean; quiet: boolean },
  items: ImageDeleteItem[],
): Promise<void> {
  const image = context.store.get(imageId);
  if (!image) return;
  const found = findConflict(context, image, { checkNames: false });
  if (found && !(found.soft && options.force)) {
    if (options.quiet) return;
    throw conflictError(image, found);
  }
  const content = context.store.contentOf(imageId);
  // A stopped container may be started again: what it stands on stays until it goes.
  if (context.imageUsers(imageId).length > 0) context.store.retire(imageId);
  else context.store.removeImage(imageId);
  emitImageEvent(context, 'delete', { ...image, config: { ...image.config, labels: {} } }, imageId);
  items.push({ deleted: imageId });
  const removed = await context.layers.collect(image.chainIds);
  items.push(...removed.map((deleted) => ({ deleted })));
  await context.layers.collectBlobs(content, 'remove');
  const parent = options.noPrune ? null : context.store.get(image.parentId);
  if (parent && context.store.referencesOf(parent.id).length === 0) {
    await deleteImage(context, parent.id, { ...options, force: false, quiet: true }, items);
  }
}

/** Takes references away and tells of it, once for each, or only for the first `told` of them. */
export function untag(
  context: ImageContext,
  image: Image,
  references: Reference[],
  items: ImageDeleteItem[],
  { told }: { told: number } = { told: references.length },
): void {
  if (references.length === 0) return;
  context.store.removeReferences(references);
  items.push(...references.map((reference) => ({ untagged: familiarString(reference) })));
  for (const _ of references.slice(0, told)) emitImageEvent(context, 'untag', image, image.id);
}

/** The name itself, and with the last tag of a repository also its digests, which nobody could name any more. */
function namesToRemove(references: Reference[], name: Reference): Reference[] {
  const key = canonicalString(name);
  const own = references.filter((reference) => canonicalString(reference) === key);
  const inRepository = references.filter((reference) => repositoryName(reference) === repositoryName(name));
  const tagsLeft = inRepository.some((reference) => reference.digest === '' && canonicalString(reference) !== key);
  if (name.digest !== '' || tagsLeft) return own;
  return [...own, ...inRepository.filter((reference) => reference.digest !== '')];
}

/** Whether the names are one tag at most, with digests of the same repository. */
function isSingleReference(references: Reference[]): boolean {
  const tags = references.filter((reference) => reference.digest === '');
  return tags.length <= 1 && new Set(references.map(repositoryName)).size <= 1;
}

function refuseUsedName(context: ImageContext, image: Image, name: Reference): void {
  const user = context.imageUsers(image.id)[0];
  if (!user) return;
  throw conflict(
    `conflict: unable to remove repository reference ${JSON.stringify(familiarString(name))} (must force) - ` +
      `container ${user.id.slice(0, 12)} is using its referenced image ${shortDigest(image.id)}`,
  );
}

function findConflict(context: ImageContext, image: Image, options: { checkNames: boolean }): Conflict | null {
  if (context.store.children(image.id).length > 0) return { reason: 'image has dependent child images', soft: false };
  const users = context.imageUsers(image.id);
  const running = users.find((user) => user.running);
  if (running) {
    return { reason: `image is being used by running container ${running.id.slice(0, 12)}`, soft: false };
  }
  if (options.checkNames) return { reason: 'image is referenced in multiple repositories', soft: true };
  const stopped = users[0];
  if (stopped) return { reason: `image is being used by stopped container ${stopped.id.slice(0, 12)}`, soft: true };
  return null;
}

function conflictError(image: Image, found: Conflict): Error {
  const force = found.soft ? 'must be forced' : 'cannot be forced';
  return conflict(`conflict: unable to delete ${shortDigest(image.id)} (${force}) - ${found.reason}`);
}
