import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { ensureBridge } from './bridge-interface.js';
import { defaultBridgePools } from './default-bridge-pools.js';
import type { Network } from './model.js';
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
  if (!former) ctx.repository.insertNetwork(bridge);
  else if (!isDeepStrictEqual(bridge, former)) ctx.repository.updateNetwork(bridge);
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
): Pick<Network, 'bridgeName' | 'ownsBridge' | 'enableIpv6' | 'ipam' | 'options'> {
  const { options } = ctx;
  const ownsBridge = ownsDefaultBridge(ctx);
  const bridgeName = ownsBridge ? OWN_BRIDGE : options.bridge;
  return {
    bridgeName,
    ownsBridge,
    enableIpv6: options.ipv6,
    ipam: { driver: 'default', options: null, config: defaultBridgePools(ctx, bridgeName, ownsBridge, former) },
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
