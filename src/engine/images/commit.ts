import { digestOf } from '../../shared/digest.js';
import { hostPlatform } from '../../shared/platform.js';
import { familiarString, type Reference } from '../../shared/reference.js';
import { formatRfc3339Nano, nowNs } from '../../shared/rfc3339.js';
import { COMPAT_VERSION } from '../../shared/version.js';
import { formatImageConfig } from './image-config.js';
import { emitImageEvent, type ImageContext } from './image-context.js';
import type { Image, ImageRunConfig } from './image.js';

export interface CommitOptions {
  /** The container's own layer: an overlay's upper directory, which must not go away meanwhile. */
  upper: string;
  /** The image that the container stands on, also one that was deleted by force since; '' : none. */
  parentId: string;
  config: ImageRunConfig;
  /** The command of the container, for the history. */
  createdBy: string;
  author: string;
  comment: string;
  /** null: without a name. */
  reference: Reference | null;
}

/**
 * Makes an image of what a container changed, on top of its own image. Where nothing changed the image gets no layer more.
 * The same changes give the same diff ID. Nothing is left behind on failure.
 */
export async function commitImage(context: ImageContext, options: CommitOptions, signal: AbortSignal): Promise<Image> {
  const parent = options.parentId === '' ? null : context.store.getRetained(options.parentId);
  await using lease = context.layers.lease('remove');
  const below = parent?.diffIds ?? [];
  lease.hold(...(parent?.chainIds ?? []));
  const { layer, blob, entries } = await context.layers.create({ upper: options.upper }, below, lease, signal);
  const emptyLayer = entries === 0;
  const { author, comment, createdBy, config, reference } = options;
  const created = formatRfc3339Nano(nowNs());
  const bytes = formatImageConfig({
    created,
    author,
    comment,
    dockerVersion: COMPAT_VERSION,
    platform: parent?.platform ?? { ...hostPlatform(), osVersion: '' },
    config,
    diffIds: emptyLayer ? below : [...below, layer.diffId],
    history: [...(parent?.history ?? []), { created, createdBy, author, comment, emptyLayer }],
  });
  const image = context.store.add(
    { id: digestOf(bytes), config: bytes, parentId: parent?.id ?? '', descriptor: null, manifestDigests: [] },
    emptyLayer ? [] : [layer],
    emptyLayer ? [] : [blob],
  );
  emitImageEvent(context, 'create', image, image.id);
  if (!reference) return image;
  context.store.setReferences([reference], image.id, true);
  const named = context.store.get(image.id) ?? image;
  emitImageEvent(context, 'tag', named, familiarString(reference));
  return named;
}
