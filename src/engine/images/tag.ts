import { familiarString } from '../../shared/reference.js';
import { getImage } from './find.js';
import { emitImageEvent, type ImageContext } from './image-context.js';
import { referenceFor } from './import.js';

/** Gives the image one more name, taking it from the image that had it. An empty `repo` does nothing, as in dockerd. */
export function tagImage(context: ImageContext, ref: string, repo: string, tag: string): void {
  const reference = referenceFor(repo, tag);
  const image = getImage(context.store, ref);
  if (!reference) return;
  context.store.setReferences([reference], image.id, true);
  emitImageEvent(context, 'tag', image, familiarString(reference));
}
