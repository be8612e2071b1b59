import { nowNs } from '../../shared/rfc3339.js';
import { statusText } from './status-text.js';
import type { Container, ContainerSummary, ListContainersOptions } from './container.js';
import type { ContainersContext } from './containers-context.js';
import { compareTimes, containerFilter, impliesAll, type ContainerFilter, type FilterContext } from './filters.js';
import { SummaryRow } from './summary-row.js';

/** The rows of `docker ps`, newest first, without sizes. */
export function listContainers(ctx: ContainersContext, options: ListContainersOptions): SummaryRow[] {
  const matches = containerFilter(options.filters, filterContext(ctx));
  const inRange = legacyRange(ctx, options);
  const all = options.all || options.limit > 0 || impliesAll(options.filters) || inRange !== null;
  const listing: Listing = { nowMs: Number(nowNs() / 1_000_000n), links: [], images: new Map() };
  let found: Container[] = [];
  for (const { container, phase } of ctx.registry.all()) {
    addLinks(listing, container);
    if (phase === 'creating' || !(all || container.state.running)) continue;
    if ((inRange === null || inRange(container)) && matches(container)) found.push(container);
  }
  found.sort((a, b) => compareTimes(b.created, a.created));
  if (options.limit > 0) found = found.slice(0, options.limit);
  return found.map((container) => summaryRow(ctx, container, listing));
}

export function listContainersWithSizes(
  ctx: ContainersContext,
  options: ListContainersOptions,
): Promise<ContainerSummary[]> {
  const rows = listContainers(ctx, options);
  return Promise.all(rows.map(async (row) => row.withSize(await ctx.deps.snapshots.diskUsage(row.container.id))));
}

/** What the rows of one answer share, so that each costs the same however many there are. */
interface Listing {
  nowMs: number;
  links: Link[];
  /** The image id behind each reference; null: it means none. */
  images: Map<string, string | null>;
}

/** A container's `--link ref:alias`. */
interface Link {
  parentName: string;
  ref: string;
  alias: string;
}

function addLinks({ links }: Listing, { name, hostConfig }: Container): void {
  for (const link of hostConfig.links) {
    const [ref = '', alias = ref] = link.split(':');
    links.push({ parentName: name, ref, alias: alias.replace(/^\//, '') });
  }
}

/** The `since` and `before` parameters of old clients; null when not given. */
function legacyRange(ctx: ContainersContext, { since, before }: ListContainersOptions): ContainerFilter | null {
  if (since === '' && before === '') return null;
  const from = since === '' ? null : ctx.registry.find(since).container.created;
  const to = before === '' ? null : ctx.registry.find(before).container.created;
  return ({ created }) =>
    (from === null || compareTimes(created, from) > 0) && (to === null || compareTimes(created, to) < 0);
}

export function filterContext(ctx: ContainersContext): FilterContext {
  return {
    find: (ref) => ctx.registry.find(ref),
    hasAncestor: (container, ref) => {
      if (container.imageId === '') return false;
      const wanted = findImage(ctx, ref);
      if (!wanted) return false;
      if (wanted.id === container.imageId) return true;
      const own = findImage(ctx, container.imageId);
      const top = wanted.chainIds.at(-1);
      return top !== undefined && own !== null && own.chainIds.includes(top);
    },
  };
}

function findImage(ctx: ContainersContext, ref: string): ReturnType<typeof ctx.deps.images.find> {
  try {
    return ctx.deps.images.find(ref);
  } catch (err) {
    ctx.deps.log.debug({ err, ref }, 'not an image reference');
    return null;
  }
}

function summaryRow(ctx: ContainersContext, container: Container, listing: Listing): SummaryRow {
  const names = [`/${container.name}`];
  if (listing.links.length > 0) {
    names.push(...linkNames(listing, container));
    names.sort();
  }
  const status = statusText(container.state, listing.nowMs);
  return new SummaryRow(container, names, status, shownImage(ctx, listing, container), null);
}

/** `/parent/alias` for each container that links to this one. */
function linkNames({ links }: Listing, { id, name }: Container): string[] {
  return links
    .filter(({ ref }) => ref.replace(/^\//, '') === name || (ref.length >= 12 && id.startsWith(ref)))
    .map(({ parentName, alias }) => `/${parentName}/${alias}`);
}

/** The reference given at create, as long as it still means the image; else the image's id. */
function shownImage(ctx: ContainersContext, { images }: Listing, { imageRef, imageId }: Container): string {
  if (imageId === '' || imageRef === '') return imageRef;
  let found = images.get(imageRef);
  if (found === undefined) images.set(imageRef, (found = findImage(ctx, imageRef)?.id ?? null));
  return found === imageId ? imageRef : imageId;
}
