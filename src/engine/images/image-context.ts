import type { ContentStore } from '../../host/content/content-store.js';
import type { Registries } from '../../host/registry/registries.js';
import {
  canonicalString,
  familiarName,
  familiarString,
  withDefaultTag,
  type Reference,
} from '../../shared/reference.js';
import type { Semaphore } from '../../shared/semaphore.js';
import type { Logger } from '../../shared/logger.js';
import type { EmitEvent } from '../events/event.js';
import type { Image } from './image.js';
import type { ImageStore } from './image-store.js';
import type { LayerInstaller } from './layer-installer.js';

/** A container that was made from an image. */
export interface ImageUser {
  id: string;
  running: boolean;
}

/** What the verbs of images work on. */
export interface ImageContext {
  readonly store: ImageStore;
  readonly layers: LayerInstaller;
  readonly content: ContentStore;
  readonly registries: Registries;
  readonly emit: EmitEvent;
  readonly log: Logger;
  readonly imageUsers: (imageId: string) => ImageUser[];
  /** Layers fetched at once by all pulls, `max-concurrent-downloads`. */
  readonly downloads: Semaphore;
  /** Layers sent at once by all pushes, `max-concurrent-uploads`. */
  readonly uploads: Semaphore;
}

/** Tells of something that happened to an image, by id. Source: dockerd's events carry the image's labels and a name. */
export function emitImageEvent(context: ImageContext, action: string, image: Image, name: string): void {
  const attributes = { ...image.config.labels, name };
  context.emit({ type: 'image', action, actorId: image.id, attributes });
}

/**
 * Tells of a pull or push, once for a reference however many tags it stood for. The labels are those of the image that it, or
 * its tag `latest`, names.
 */
export function emitTransferEvent(context: ImageContext, action: 'pull' | 'push', reference: Reference): void {
  const id = context.store.resolve(canonicalString(withDefaultTag(reference)));
  const image = id === null ? null : context.store.get(id);
  const attributes = { ...(image?.config.labels ?? {}), name: familiarName(reference) };
  context.emit({ type: 'image', action, actorId: familiarString(reference), attributes });
}
