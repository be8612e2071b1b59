import { errorKind, errorMessage, notFound } from '../../shared/errors.js';
import { familiarString } from '../../shared/reference.js';
import { getImage } from './find.js';
import { emitImageEvent, type ImageContext } from './image-context.js';
import type { Image } from './image.js';
import { referenceFor } from './import.js';

/** Gives the image one more name, taking it from the image that had it. An empty `repo` does nothing, as in dockerd. */
export function tagImage(context: ImageContext, ref: string, repo: string, tag: string): void {
  const reference = referenceFor(repo, tag);
  const image = findSource(context, ref);
  if (!reference) return;
  context.store.setReferences([reference], image.id, true);
  emitImageEvent(context, 'tag', image, familiarString(reference));
}

/** dockerd finds no image by what can't be a name either, and says so with 404. */
function findSource(context: ImageContext, ref: string): Image {
  try {
    return getImage(context.store, ref);
  } catch (error) {
    throw errorKind(error) === 'invalid' ? notFound(errorMessage(error), error) : error;
  }
}
