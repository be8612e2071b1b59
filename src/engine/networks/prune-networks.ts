import { invalid } from '../../shared/errors.js';
import { parseTimeFilterNs } from '../../shared/time-filter.js';
import type { Filters } from '../containers/container.js';
import { isPredefined } from './find-network.js';
import { matchesLabel } from './list-networks.js';
import type { Network } from './model.js';
import type { NetworksContext } from './networks-context.js';
import { activeEndpoints, removeNetwork } from './remove-network.js';

/**
 * Removes the networks that no running container is on. Those that are configured for one lose it, as with dockerd 28.5. Returns the names
 * of the networks.
 */
export async function pruneNetworks(ctx: NetworksContext, filters: Filters): Promise<{ deleted: string[] }> {
  const until = untilOf(filters);
  const deleted: string[] = [];
  for (const network of [...ctx.networks.values()]) {
    if (isPredefined(network.name) || !passes(network, filters, until)) continue;
    if (activeEndpoints(ctx, network).length > 0) continue;
    try {
      await removeNetwork(ctx, network.id);
      deleted.push(network.name);
    } catch (err) {
      ctx.log.warn({ err, network: network.name }, 'could not prune a network');
    }
  }
  ctx.emit({ type: 'network', action: 'prune', actorId: '', attributes: { reclaimed: '0' } });
  return { deleted };
}

function passes({ labels, created }: Network, filters: Filters, untilMs: number | null): boolean {
  const matches = (value: string): boolean => matchesLabel(labels, value);
  const kept = filters.get('label!') ?? [];
  if (untilMs !== null && Date.parse(created) > untilMs) return false;
  // Only what has all of these is kept. Source: dockerd 28.5, tried.
  if (kept.length > 0 && kept.every(matches)) return false;
  return (filters.get('label') ?? []).every(matches);
}

/** `until` as a moment in milliseconds since 1970; null: any time. */
function untilOf(filters: Filters): number | null {
  const [value, ...more] = filters.get('until') ?? [];
  if (value === undefined) return null;
  if (more.length > 0) throw invalid('more than one until filter specified');
  return Number(parseTimeFilterNs(value) / 1_000_000n);
}
