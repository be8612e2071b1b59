import type { Filters } from '../containers/container.js';
import { booleanFilter, checkFilterKeys, matchesLabels, singleUntilFilter } from './image-filters.js';
import type { ImageContext } from './image-context.js';
import type { ImageDeleteItem } from './image.js';
import { createdNs } from './list.js';
import { deleteImage, untag } from './remove.js';

/** Removes images that no container uses: untagged ones, or with `dangling=false` all. */
export async function pruneImages(
  context: ImageContext,
  filters: Filters,
): Promise<{ deleted: ImageDeleteItem[]; spaceReclaimedBytes: number }> {
  checkFilterKeys(filters, ['dangling', 'label', 'label!', 'until']);
  const danglingOnly = booleanFilter(filters, 'dangling') ?? true;
  const until = singleUntilFilter(filters);
  const deleted: ImageDeleteItem[] = [];
  const before = layerBytes(context);
  for (const image of context.store.all().sort((a, b) => (createdNs(a) < createdNs(b) ? 1 : -1))) {
    const current = context.store.get(image.id);
    // As dockerd: a digest alone keeps nothing, it is what remains of a tag that has moved on.
    if (!current || (danglingOnly && current.repoTags.length > 0)) continue;
    if (until !== null && createdNs(current) > until) continue;
    if (!matchesLabels(filters, current.config.labels)) continue;
    if (context.imageUsers(current.id).length > 0 || context.store.children(current.id).length > 0) continue;
    const references = context.store.referencesOf(current.id);
    untag(context, current, references, deleted, { told: current.repoTags.length || references.length });
    await deleteImage(context, current.id, { force: false, noPrune: false, quiet: true }, deleted);
  }
  const spaceReclaimedBytes = before - layerBytes(context);
  const attributes = { reclaimed: String(spaceReclaimedBytes) };
  context.emit({ type: 'image', action: 'prune', actorId: '', attributes });
  return { deleted, spaceReclaimedBytes };
}

function layerBytes(context: ImageContext): number {
  const { store } = context;
  return [...store.liveChainIds()].reduce((sum, chainId) => sum + (store.layer(chainId)?.sizeBytes ?? 0), 0);
}
