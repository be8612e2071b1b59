import { parseRfc3339Ns } from '../../shared/rfc3339.js';
import type { Filters } from '../containers/container.js';
import { getImage } from './find.js';
import type { ImageContext } from './image-context.js';
import type { Image, ImageSummary } from './image.js';
import { booleanFilter, checkFilterKeys, matchesLabels, narrowToReferences, untilFilter } from './image-filters.js';
import type { ImageStore } from './image-store.js';

const FILTERS = ['before', 'dangling', 'label', 'label!', 'reference', 'since', 'until'];

/** The rows of `docker images`, newest first. */
export function listImages(
  context: ImageContext,
  options: { all: boolean; filters: Filters; sharedSize: boolean },
): ImageSummary[] {
  const { store } = context;
  checkFilterKeys(options.filters, FILTERS);
  const dangling = booleanFilter(options.filters, 'dangling');
  const bounds = timeBounds(store, options.filters);
  const patterns = options.filters.get('reference') ?? [];
  const useCounts = options.sharedSize ? store.layerUseCounts() : null;
  const parents = new Set(store.all().map((image) => image.parentId));
  const rows: ImageSummary[] = [];
  for (const image of store.all()) {
    const created = createdNs(image);
    if (bounds.beforeNs !== null && created >= bounds.beforeNs) continue;
    if (bounds.sinceNs !== null && created <= bounds.sinceNs) continue;
    if (!matchesLabels(options.filters, image.config.labels)) continue;
    const isDangling = image.repoTags.length === 0;
    if (dangling !== null && dangling !== isDangling) continue;
    // A layer of a build that another image stands on is nothing to show.
    if (isDangling && image.repoDigests.length === 0 && !options.all && parents.has(image.id)) continue;
    const shown = patterns.length === 0 ? image : narrowToReferences(image, patterns);
    if (!shown) continue;
    rows.push({
      image: shown,
      sharedSizeBytes: useCounts ? sharedSize(store, image, useCounts) : -1,
      containers: context.imageUsers(image.id).length,
    });
  }
  return rows.sort((a, b) => compare(createdNs(b.image), createdNs(a.image)) || (a.image.id < b.image.id ? -1 : 1));
}

/** Nanoseconds since the epoch; 0 for an image that does not say. */
export function createdNs(image: Image): bigint {
  return parseRfc3339Ns(image.created) ?? 0n;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** From `before`, `until` and `since`; the narrowest of each counts. */
function timeBounds(store: ImageStore, filters: Filters): { beforeNs: bigint | null; sinceNs: bigint | null } {
  const times = (key: string): bigint[] => (filters.get(key) ?? []).map((ref) => createdNs(getImage(store, ref)));
  const until = untilFilter(filters);
  const before = [...times('before'), ...(until === null ? [] : [until])].sort(compare);
  const since = times('since').sort(compare);
  return { beforeNs: before[0] ?? null, sinceNs: since.at(-1) ?? null };
}

function sharedSize(store: ImageStore, image: Image, useCounts: Map<string, number>): number {
  const shared = image.chainIds.filter((chainId) => (useCounts.get(chainId) ?? 0) > 1);
  return shared.reduce((sum, chainId) => sum + (store.layer(chainId)?.sizeBytes ?? 0), 0);
}
