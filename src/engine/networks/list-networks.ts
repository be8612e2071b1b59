import { internal, invalid } from '../../shared/errors.js';
import { matchesPattern } from '../../shared/match-pattern.js';
import type { Filters } from '../containers/container.js';
import { isPredefined } from './find-network.js';
import type { Endpoint, Network, NetworkDetails, NetworkMember } from './model.js';
import { usageOf } from './ipam.js';
import type { NetworksContext } from './networks-context.js';
import { activeEndpoints } from './remove-network.js';
import { takenAddresses } from './taken-addresses.js';

/** The networks that pass the filters, in order of creation. Throws invalid for a filter that dockerd does not know. */
export function listNetworks(ctx: NetworksContext, filters: Filters): NetworkDetails[] {
  if ((filters.get('dangling') ?? []).length > 1) throw invalid('got more than one value for filter key "dangling"');
  return [...ctx.networks.values()].filter((network) => passes(ctx, network, filters)).map((one) => details(ctx, one));
}

/** A network with its running containers. */
export function details(ctx: NetworksContext, network: Network): NetworkDetails {
  return { ...network, members: activeEndpoints(ctx, network).map(member) };
}

/** A network with its running containers and how full its subnets are. */
export function inspectNetwork(ctx: NetworksContext, network: Network): NetworkDetails {
  const used = takenAddresses(ctx, network).addresses;
  const pools = network.configOnly ? [] : network.ipam.config;
  return { ...details(ctx, network), usage: pools.map((pool) => usageOf(pool, used)) };
}

function member(endpoint: Endpoint): NetworkMember {
  const { ipAddress, ipPrefixLen, globalIpv6Address, globalIpv6PrefixLen } = endpoint;
  return {
    containerId: endpoint.containerId,
    containerName: endpoint.containerName,
    endpointId: endpoint.endpointId,
    macAddress: endpoint.macAddress,
    ipv4Address: ipAddress === '' ? '' : `${ipAddress}/${ipPrefixLen}`,
    ipv6Address: globalIpv6Address === '' ? '' : `${globalIpv6Address}/${globalIpv6PrefixLen}`,
  };
}

type Test = (ctx: NetworksContext, network: Network, value: string) => boolean;

const TESTS: Record<string, Test> = {
  driver: (_, { driver }, value) => driver === value,
  id: (_, { id }, value) => matchesPattern(value, id),
  name: (_, { name }, value) => matchesPattern(value, name),
  scope: (_, { scope }, value) => scope === value,
  label: (_, { labels }, value) => matchesLabel(labels, value),
  type: (_, { name }, value) => {
    if (value !== 'custom' && value !== 'builtin') throw internal(`invalid filter: 'type'='${value}'`);
    return isPredefined(name) === (value === 'builtin');
  },
  dangling: (ctx, network, value) => {
    if (!/^(1|true|0|false)$/i.test(value)) {
      throw invalid('invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")');
    }
    const isDangling = !isPredefined(network.name) && activeEndpoints(ctx, network).length === 0;
    return isDangling === /^(1|true)$/i.test(value);
  },
};

function passes(ctx: NetworksContext, network: Network, filters: Filters): boolean {
  return [...filters].every(([key, values]) => {
    const test = TESTS[key];
    if (!test) throw invalid(`invalid filter '${key}'`);
    return key === 'label'
      ? values.every((value) => test(ctx, network, value))
      : values.some((value) => test(ctx, network, value));
  });
}

/** `key` or `key=value`. */
export function matchesLabel(labels: Record<string, string>, wanted: string): boolean {
  const cut = wanted.indexOf('=');
  if (cut < 0) return wanted in labels;
  return labels[wanted.slice(0, cut)] === wanted.slice(cut + 1);
}
