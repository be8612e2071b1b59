import { nowNs } from '../../shared/rfc3339.js';
import { statusText } from './status-text.js';
import type { Container, ContainerSummary, ListContainersOptions, PublishedPort } from './container.js';
import type { ContainerEntry } from './container-entry.js';
import type { ContainersContext } from './containers-context.js';
import { compareTimes, containerFilter, impliesAll, type ContainerFilter, type FilterContext } from './filters.js';

/** The rows of `docker ps`, newest first. Reads memory only, unless sizes are asked for. */
export async function listContainers(
  ctx: ContainersContext,
  options: ListContainersOptions,
): Promise<ContainerSummary[]> {
  const matches = containerFilter(options.filters, filterContext(ctx));
  const inRange = legacyRange(ctx, options);
  const all = options.all || options.limit > 0 || impliesAll(options.filters) || inRange !== null;
  let entries = ctx.registry
    .all()
    .filter(({ phase }) => phase !== 'creating')
    .filter(({ container }) => (all || container.state.running) && (inRange?.(container) ?? true) && matches(container))
    .sort((a, b) => compareTimes(b.container.created, a.container.created));
  if (options.limit > 0) entries = entries.slice(0, options.limit);
  const listing: Listing = { now: nowNs(), links: allLinks(ctx), images: new Map(), withSize: options.size };
  return Promise.all(entries.map((entry) => summary(ctx, entry, listing)));
}

/** What the rows of one answer share, so that each costs the same however many there are. */
interface Listing {
  now: bigint;
  links: Link[];
  /** The image id behind each reference; null: it means none. */
  images: Map<string, string | null>;
  withSize: boolean;
}

/** A container's `--link ref:alias`. */
interface Link {
  parentName: string;
  ref: string;
  alias: string;
}

function allLinks(ctx: ContainersContext): Link[] {
  return ctx.registry.all().flatMap(({ container: { name, hostConfig } }) =>
    hostConfig.links.map((link) => {
      const [ref = '', alias = ref] = link.split(':');
      return { parentName: name, ref, alias: alias.replace(/^\//, '') };
    }),
  );
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

async function summary(ctx: ContainersContext, entry: ContainerEntry, listing: Listing): Promise<ContainerSummary> {
  const { container } = entry;
  return {
    container,
    names: [`/${container.name}`, ...linkNames(listing, container)].sort(),
    statusText: statusText(container.state, listing.now),
    image: shownImage(ctx, listing, container),
    command: [container.path, ...container.args.map(quoted)].join(' '),
    ports: publishedPorts(container),
    size: listing.withSize ? await ctx.deps.snapshots.diskUsage(container.id) : null,
  };
}

/** dockerd quotes arguments with a space in them, and nothing more. */
function quoted(argument: string): string {
  return argument.includes(' ') ? `'${argument}'` : argument;
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

function publishedPorts({ network }: Container): PublishedPort[] {
  return Object.entries(network.ports).flatMap(([key, bindings]) => {
    const [port = '', proto = 'tcp'] = key.split('/');
    const base = { containerPort: Number(port), proto: proto as PublishedPort['proto'] };
    if (!Number.isInteger(base.containerPort)) return [];
    if (!bindings || bindings.length === 0) return [{ ...base, hostIp: '', hostPort: 0 }];
    return bindings.map(({ hostIp, hostPort }) => ({ ...base, hostIp, hostPort: Number(hostPort) }));
  });
}
