import { invalid, notFound } from '../../shared/errors.js';
import type { Network } from './model.js';
import type { NetworksContext } from './networks-context.js';

/** The network of that id, name, or unique id prefix, in this order. Throws not-found, or invalid for an ambiguous prefix. */
export function findNetwork(ctx: NetworksContext, ref: string): Network {
  const byId = ctx.networks.get(ref);
  if (byId) return byId;
  const all = [...ctx.networks.values()];
  const byName = all.find(({ name }) => name === ref);
  if (byName) return byName;
  const byPrefix = ref === '' ? [] : all.filter(({ id }) => id.startsWith(ref));
  if (byPrefix.length > 1)
    throw invalid(`network ${ref} is ambiguous (${byPrefix.length} matches found based on ID prefix)`);
  const [found] = byPrefix;
  if (!found) throw notFound(`network ${ref} not found`);
  return found;
}

/** Those that are being removed too: what is theirs is not free yet. */
export function allNetworks(ctx: NetworksContext): Network[] {
  return [...ctx.networks.values(), ...ctx.leaving.values()];
}

export const PREDEFINED = ['bridge', 'host', 'none'] as const;

export function isPredefined(name: string): boolean {
  return (PREDEFINED as readonly string[]).includes(name);
}
