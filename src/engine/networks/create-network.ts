import { randomBytes } from 'node:crypto';
import { findLink } from '../../host/netlink/links.js';
import { conflict, forbidden, internal, invalid, notFound } from '../../shared/errors.js';
import { ensureBridge, removeBridge, routedBlocks } from './bridge-interface.js';
import { formatCidr, overlaps, parseCidr } from './cidr.js';
import { isPredefined } from './find-network.js';
import { chooseSubnet, DEFAULT_ADDRESS_POOLS, firstAddress } from './ipam.js';
import type { CreateNetworkRequest, IpamPool, Network } from './model.js';
import { firewallState, type NetworksContext } from './networks-context.js';
import { checkPools } from './validate-pools.js';

const BRIDGE_NAME = 'com.docker.network.bridge.name';
const MTU = 'com.docker.network.driver.mtu';

/** Makes a user-defined bridge network. Nothing is left when it throws. */
export async function createNetwork(
  ctx: NetworksContext,
  request: CreateNetworkRequest,
): Promise<{ id: string; warning: string }> {
  checkRequest(ctx, request);
  const id = randomBytes(32).toString('hex');
  const network = describe(ctx, id, request);
  checkBridgeName(ctx, network);
  // Written first: a daemon that dies in between finds the network at boot and makes what is missing.
  ctx.repository.insertNetwork(network);
  ctx.networks.set(id, network);
  try {
    ensureBridge(ctx, network);
    await ctx.firewall.sync(firewallState(ctx, false));
  } catch (error) {
    ctx.networks.delete(id);
    if (network.ownsBridge) removeBridge(ctx, network.bridgeName);
    ctx.repository.deleteNetwork(id);
    await ctx.firewall.sync(firewallState(ctx, false));
    throw error;
  }
  ctx.emit({
    type: 'network',
    action: 'create',
    actorId: id,
    attributes: { name: network.name, type: network.driver },
  });
  return { id, warning: '' };
}

function checkRequest(ctx: NetworksContext, { name, driver, ipam, options }: CreateNetworkRequest): void {
  if (name.trim() === '') throw invalid('invalid name: name is empty');
  if (isPredefined(name)) throw forbidden(`operation is not permitted on predefined ${name} network `);
  if ([...ctx.networks.values()].some((network) => network.name === name)) {
    throw conflict(`network with name ${name} already exists`);
  }
  if (driver === 'host' || driver === 'null') throw forbidden(`only one instance of "${driver}" network is allowed`);
  if (driver === 'overlay') {
    throw forbidden(
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
    );
  }
  if (!['', 'bridge', 'default'].includes(driver)) throw notFound(`plugin "${driver}" not found`);
  if (ipam && !['', 'default'].includes(ipam.driver)) throw notFound(`plugin "${ipam.driver}" not found`);
  const mtu = options[MTU];
  if (mtu !== undefined && !/^-?\d+$/.test(mtu)) {
    throw invalid(
      `failed to parse ${MTU} value: ${mtu} (strconv.Atoi: parsing ${JSON.stringify(mtu)}: invalid syntax)`,
    );
  }
}

function describe(ctx: NetworksContext, id: string, request: CreateNetworkRequest): Network {
  const requested = request.ipam?.config ?? [];
  checkPools(requested);
  const enableIpv4 = request.enableIpv4 ?? true;
  const enableIpv6 = request.enableIpv6 ?? false;
  const bridgeName = request.options[BRIDGE_NAME] || `br-${id.slice(0, 12)}`;
  return {
    id,
    name: request.name,
    created: new Date().toISOString(),
    scope: 'local',
    driver: 'bridge',
    enableIpv4,
    enableIpv6,
    internal: request.internal,
    attachable: request.attachable,
    ingress: false,
    configOnly: request.configOnly,
    configFrom: request.configFrom,
    ipam: {
      driver: 'default',
      options: request.ipam?.options ?? {},
      config: poolsFor(ctx, requested, enableIpv4, enableIpv6),
    },
    options: request.options,
    labels: request.labels,
    automaticPools: requested.length === 0,
    bridgeName,
    ownsBridge: findLink(ctx.routes, bridgeName) === null,
  };
}

/** The pools asked for with what they leave open filled in; a family without any gets one chosen. */
function poolsFor(ctx: NetworksContext, requested: Partial<IpamPool>[], v4: boolean, v6: boolean): IpamPool[] {
  const pools = requested.map(({ subnet = '', ipRange = '', gateway = '', auxiliaryAddresses = {} }) => {
    refuseOverlap(ctx, subnet);
    return { subnet, ipRange, gateway: gateway || firstAddress(subnet), auxiliaryAddresses };
  });
  const wanted = pools.filter(({ subnet }) => (subnet.includes(':') ? v6 : v4));
  if (v4 && !wanted.some(({ subnet }) => !subnet.includes(':'))) wanted.unshift(automaticPool(choose(ctx)));
  if (v6 && !wanted.some(({ subnet }) => subnet.includes(':'))) wanted.push(automaticPool(uniqueLocalSubnet()));
  return wanted;
}

const automaticPool = (subnet: string): IpamPool => ({
  subnet,
  ipRange: '',
  gateway: firstAddress(subnet),
  auxiliaryAddresses: {},
});

function choose(ctx: NetworksContext): string {
  const pools = ctx.options.addressPools.length > 0 ? ctx.options.addressPools : DEFAULT_ADDRESS_POOLS;
  return chooseSubnet(pools, 4, [...networkBlocks(ctx), ...routedBlocks(ctx, [])]);
}

/** A /64 of a random unique local prefix. Source: RFC 4193. */
function uniqueLocalSubnet(): string {
  const block = parseCidr(
    `fd${randomBytes(5)
      .toString('hex')
      .replace(/^(..)(....)(....)$/, '$1:$2:$3')}::/64`,
  );
  if (!block) throw internal('no unique local subnet');
  return formatCidr(block);
}

function networkBlocks(ctx: NetworksContext): NonNullable<ReturnType<typeof parseCidr>>[] {
  return [...ctx.networks.values()].flatMap(({ ipam }) => ipam.config).flatMap(({ subnet }) => parseCidr(subnet) ?? []);
}

function refuseOverlap(ctx: NetworksContext, subnet: string): void {
  const block = parseCidr(subnet);
  if (block && networkBlocks(ctx).some((other) => overlaps(block, other))) {
    throw forbidden('invalid pool request: Pool overlaps with other one on this address space');
  }
}

function checkBridgeName(ctx: NetworksContext, { id, bridgeName }: Network): void {
  if (!/^[^/\s]{1,15}$/.test(bridgeName)) throw invalid(`invalid bridge name: ${bridgeName}`);
  const other = [...ctx.networks.values()].find((network) => network.bridgeName === bridgeName);
  if (!other) return;
  throw forbidden(
    `cannot create network ${id} (${bridgeName}): conflicts with network ${other.id} (${bridgeName}): networks have same bridge name`,
  );
}
