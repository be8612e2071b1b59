import { randomBytes } from 'node:crypto';
import { invalid } from '../../shared/errors.js';
import { addressOf, ensureBridge, routedBlocks } from './bridge-interface.js';
import { cidr, contains, formatCidr, overlaps, parseAddress, parseCidr } from './cidr.js';
import { chooseSubnet, DEFAULT_ADDRESS_POOLS, firstAddress } from './ipam.js';
import type { IpamPool, Network } from './model.js';
import type { NetworksContext } from './networks-context.js';

const OWN_BRIDGE = 'docker0';

/** Makes `bridge`, `host` and `none` exist, the first as the daemon's options say. */
export async function ensureDefaultNetworks(ctx: NetworksContext): Promise<void> {
  for (const [name, driver] of [
    ['none', 'null'],
    ['host', 'host'],
  ] as const) {
    if (!byName(ctx, name)) insert(ctx, predefined(name, driver));
  }
  if (ctx.options.bridge === 'none') return removeDefaultBridge(ctx);
  const former = byName(ctx, 'bridge');
  const bridge = { ...(former ?? predefined('bridge', 'bridge')), ...bridgeSettings(ctx, former) };
  if (former) ctx.repository.updateNetwork(bridge);
  else ctx.repository.insertNetwork(bridge);
  ctx.networks.set(bridge.id, bridge);
  ensureBridge(ctx, bridge);
}

/** Whether the default bridge is ours to make and change, and not one that the administrator named. */
export function ownsDefaultBridge(ctx: NetworksContext): boolean {
  return ['', OWN_BRIDGE].includes(ctx.options.bridge);
}

async function removeDefaultBridge(ctx: NetworksContext): Promise<void> {
  const former = byName(ctx, 'bridge');
  if (!former) return;
  if (former.ownsBridge) await ctx.links.remove(former.bridgeName);
  ctx.repository.deleteNetwork(former.id);
  ctx.networks.delete(former.id);
}

function byName(ctx: NetworksContext, name: string): Network | undefined {
  return [...ctx.networks.values()].find((network) => network.name === name);
}

function insert(ctx: NetworksContext, network: Network): void {
  ctx.repository.insertNetwork(network);
  ctx.networks.set(network.id, network);
}

function predefined(name: string, driver: Network['driver']): Network {
  return {
    id: randomBytes(32).toString('hex'),
    name,
    created: new Date().toISOString(),
    scope: 'local',
    driver,
    enableIpv4: true,
    enableIpv6: false,
    internal: false,
    attachable: false,
    ingress: false,
    configOnly: false,
    configFrom: '',
    ipam: { driver: 'default', options: null, config: [] },
    options: {},
    labels: {},
    automaticPools: true,
    bridgeName: '',
    ownsBridge: false,
  };
}

function bridgeSettings(
  ctx: NetworksContext,
  former: Network | undefined,
): Pick<Network, 'bridgeName' | 'ownsBridge' | 'ipam' | 'options'> {
  const { options } = ctx;
  const bridgeName = ownsDefaultBridge(ctx) ? OWN_BRIDGE : options.bridge;
  return {
    bridgeName,
    ownsBridge: ownsDefaultBridge(ctx),
    ipam: { driver: 'default', options: null, config: [bridgePool(ctx, bridgeName, former)] },
    options: {
      'com.docker.network.bridge.default_bridge': 'true',
      'com.docker.network.bridge.enable_icc': String(options.icc),
      'com.docker.network.bridge.enable_ip_masquerade': String(options.ipMasq),
      'com.docker.network.bridge.host_binding_ipv4': options.hostIp,
      'com.docker.network.bridge.name': bridgeName,
      'com.docker.network.driver.mtu': String(options.mtu),
    },
  };
}

/**
 * The subnet of the default bridge: `--bip`, else what the interface has, else what it had, unless something else is routed
 * there by now, else the first of the pools that is free.
 */
function bridgePool(ctx: NetworksContext, bridgeName: string, former: Network | undefined): IpamPool {
  const gateway = ctx.options.bip || addressOf(ctx, bridgeName) || formerGateway(ctx, bridgeName, former);
  if (gateway !== null) return poolAround(ctx, gateway);
  if (!ownsDefaultBridge(ctx)) throw invalid(`bridge ${bridgeName} has no IPv4 address`);
  const pools = ctx.options.addressPools.length > 0 ? ctx.options.addressPools : DEFAULT_ADDRESS_POOLS;
  const others = [...ctx.networks.values()].filter(({ id }) => id !== former?.id);
  const taken = others.flatMap(({ ipam }) => ipam.config).flatMap(({ subnet }) => parseCidr(subnet) ?? []);
  const subnet = chooseSubnet(pools, 4, [...taken, ...routedBlocks(ctx, [bridgeName])]);
  return poolAround(ctx, `${firstAddress(subnet)}/${subnet.split('/')[1]}`);
}

function formerGateway(ctx: NetworksContext, bridgeName: string, former: Network | undefined): string | null {
  const pool = former?.bridgeName === bridgeName ? former.ipam.config[0] : undefined;
  const block = pool && parseCidr(pool.subnet);
  // A running container must keep its gateway, so then it does not matter what else is routed there.
  const inUse = former !== undefined && ctx.sandboxes.endpointsOn(former.id).length > 0;
  if (!block || (!inUse && routedBlocks(ctx, [bridgeName]).some((other) => overlaps(other, block)))) return null;
  return `${pool.gateway}/${block.prefixLength}`;
}

function poolAround(ctx: NetworksContext, gateway: string): IpamPool {
  const [address = '', length = ''] = gateway.split('/');
  const parsed = parseAddress(address);
  const block = parsed && parseCidr(gateway) ? cidr(parsed.version, parsed.value, Number(length)) : null;
  if (!block || block.version !== 4) throw invalid(`invalid bridge IP address: ${gateway}`);
  const { fixedCidr, defaultGateway } = ctx.options;
  if (defaultGateway !== '' && !contains(block, defaultGateway)) {
    throw invalid(`default gateway ${defaultGateway} must be part of the network ${formatCidr(block)}`);
  }
  const range = fixedCidr === '' ? null : parseCidr(fixedCidr);
  return {
    subnet: formatCidr(block),
    ipRange: range ? formatCidr(range) : '',
    gateway: address,
    auxiliaryAddresses: defaultGateway === '' ? {} : { DefaultGatewayIPv4: defaultGateway },
  };
}
