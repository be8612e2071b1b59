import { conflict, errorKind, invalid } from '../../shared/errors.js';
import { parseTimeFilterNs } from '../../shared/time-filter.js';
import { parseRfc3339Ns } from '../../shared/rfc3339.js';
import type { Container, Filters } from './container.js';
import type { ContainersContext } from './containers-context.js';
import { hasLabel } from './filters.js';
import { removeContainer } from './remove.js';

const running = new WeakSet<ContainersContext>();

/** Removes containers that do not run. Filters: until, label, label!. Throws conflict while another prune is running. */
export async function pruneContainers(
  ctx: ContainersContext,
  filters: Filters,
): Promise<{ deleted: string[]; spaceReclaimedBytes: number }> {
  const matches = pruneFilter(filters);
  if (running.has(ctx)) throw conflict('a prune operation is already running');
  running.add(ctx);
  try {
    return await pruneMatching(ctx, matches);
  } finally {
    running.delete(ctx);
  }
}

async function pruneMatching(
  ctx: ContainersContext,
  matches: (container: Container) => boolean,
): Promise<{ deleted: string[]; spaceReclaimedBytes: number }> {
  const deleted: string[] = [];
  let spaceReclaimedBytes = 0;
  for (const { id, container } of ctx.registry.all()) {
    if (container.state.running || !matches(container)) continue;
    try {
      const { rwBytes } = await ctx.deps.snapshots.diskUsage(id);
      await removeContainer(ctx, id, { force: false, volumes: false, link: false });
      spaceReclaimedBytes += rwBytes;
      deleted.push(id);
    } catch (err) {
      if (!['conflict', 'not-found'].includes(errorKind(err))) {
        ctx.deps.log.warn({ err, container: id }, 'cannot prune a container');
      }
    }
  }
  ctx.deps.emit({
    type: 'container',
    action: 'prune',
    actorId: '',
    attributes: { reclaimed: String(spaceReclaimedBytes) },
  });
  return { deleted, spaceReclaimedBytes };
}

function pruneFilter(filters: Filters): (container: Container) => boolean {
  for (const key of filters.keys()) {
    if (!['until', 'label', 'label!'].includes(key)) throw invalid(`invalid filter '${key}'`);
  }
  const until = filters.get('until') ?? [];
  if (until.length > 1) throw invalid('more than one until filter specified');
  const untilNs = until[0] === undefined ? null : parseTimeFilterNs(until[0]);
  const labels = filters.get('label') ?? [];
  const notLabels = filters.get('label!') ?? [];
  return ({ created, config }) =>
    (untilNs === null || (parseRfc3339Ns(created) ?? 0n) < untilNs) &&
    labels.every((label) => hasLabel(config.labels, label)) &&
    !notLabels.some((label) => hasLabel(config.labels, label));
}
