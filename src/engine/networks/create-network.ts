import { randomBytes } from 'node:crypto';
import { findLink } from '../../host/netlink/links.js';
import { conflict, forbidden, invalid, notFound } from '../../shared/errors.js';
import { formatRfc3339Nano, nowNs } from '../../shared/rfc3339.js';
import { ensureBridge, removeBridge } from './bridge-interface.js';
import { applyConfigFrom, checkConfigOnly } from './config-networks.js';
import { isPredefined } from './find-network.js';
import { versionOf } from './ipam.js';
import type { CreateNetworkRequest, Network } from './model.js';
import { checkBridgeOptions, familyOption, gatewayMode, NETWORK_OPTION } from './network-options.js';
import { poolsFor } from './network-pools.js';
import { firewallState, type NetworksContext } from './networks-context.js';
import { checkPools } from './validate-pools.js';

/** Makes a user-defined network. Nothing is left when it throws. */
export async function createNetwork(
  ctx: NetworksContext,
  request: CreateNetworkRequest,
): Promise<{ id: string; warning: string }> {
  checkRequest(ctx, request);
  const network = describe(ctx, request.configFrom === '' ? request : applyConfigFrom(ctx, request));
  const { id } = network;
  checkBridgeName(ctx, network);
  // Written first: a daemon that dies in between finds the network at boot and makes what is missing.
  ctx.repository.insertNetwork(network);
  ctx.networks.set(id, network);
  if (network.driver === 'bridge') await makeBridge(ctx, network);
  ctx.emit({
    type: 'network',
    action: 'create',
    actorId: id,
    attributes: { name: network.name, type: network.driver },
  });
  return { id, warning: '' };
}

async function makeBridge(ctx: NetworksContext, network: Network): Promise<void> {
  try {
    ensureBridge(ctx, network);
    await ctx.firewall.sync(firewallState(ctx, false));
  } catch (error) {
    ctx.networks.delete(network.id);
    if (network.ownsBridge) removeBridge(ctx, network.bridgeName);
    ctx.repository.deleteNetwork(network.id);
    await ctx.firewall.sync(firewallState(ctx, false));
    throw error;
  }
}

function checkRequest(ctx: NetworksContext, request: CreateNetworkRequest): void {
  const { name, driver, ipam, scope, ingress, configOnly } = request;
  if (name.trim() === '') throw invalid('invalid name: name is empty');
  if (isPredefined(name) || name === 'default') {
    throw forbidden(`operation is not permitted on predefined ${name} network `);
  }
  if ([...ctx.networks.values()].some((network) => network.name === name)) {
    throw conflict(`network with name ${name} already exists`);
  }
  if (scope === 'swarm') throw forbidden('cannot create a swarm scoped network when swarm is not active');
  if (ingress) throw forbidden('Ingress network can only be global scope network');
  if (configOnly) checkConfigOnly(request);
  else checkDriver(driver);
  if (ipam && !['', 'default'].includes(ipam.driver)) throw notFound(`plugin "${ipam.driver}" not found`);
}

function checkDriver(driver: string): void {
  if (driver === 'host' || driver === 'null') throw forbidden(`only one instance of "${driver}" network is allowed`);
  if (driver === 'overlay') {
    throw forbidden(
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
    );
  }
  if (!['', 'bridge', 'default'].includes(driver)) throw notFound(`plugin "${driver}" not found`);
}

function describe(ctx: NetworksContext, request: CreateNetworkRequest): Network {
  const { options, configOnly } = request;
  const id = randomBytes(32).toString('hex');
  const requested = request.ipam?.config ?? [];
  checkPools(requested);
  const enableIpv4 = request.enableIpv4 ?? familyOption(options, NETWORK_OPTION.enableIpv4) ?? true;
  const enableIpv6 = request.enableIpv6 ?? familyOption(options, NETWORK_OPTION.enableIpv6) ?? false;
  if (!enableIpv4 && !enableIpv6) throw invalid('IPv4 or IPv6 must be enabled');
  if (!configOnly) {
    checkBridgeOptions(options, request.internal);
    checkPoolCount(requested);
  }
  const bridgeName = configOnly ? '' : options[NETWORK_OPTION.bridgeName] || `br-${id.slice(0, 12)}`;
  const wantsGateway = (version: 4 | 6): boolean => gatewayMode({ options }, version) !== 'isolated';
  const config = configOnly
    ? requested.map(({ subnet = '', ipRange = '', gateway = '', auxiliaryAddresses = {} }) => ({
        subnet,
        ipRange,
        gateway,
        auxiliaryAddresses,
      }))
    : poolsFor(ctx, { requested, enableIpv4, enableIpv6, wantsGateway });
  return {
    id,
    name: request.name,
    created: formatRfc3339Nano(nowNs()),
    scope: 'local',
    driver: configOnly ? 'null' : 'bridge',
    enableIpv4,
    enableIpv6,
    internal: request.internal,
    attachable: request.attachable,
    ingress: false,
    configOnly,
    configFrom: request.configFrom,
    ipam: { driver: 'default', options: request.ipam?.options ?? null, config },
    options,
    labels: request.labels,
    automaticPools: requested.length === 0,
    bridgeName,
    ownsBridge: bridgeName !== '' && findLink(ctx.routes, bridgeName) === null,
  };
}

function checkPoolCount(pools: NonNullable<CreateNetworkRequest['ipam']>['config']): void {
  for (const version of [4, 6] as const) {
    const own = pools.filter(({ subnet = '' }) => versionOf({ subnet }) === version);
    if (new Set(own.map(({ subnet }) => subnet)).size > 1) {
      throw forbidden("bridge driver doesn't support multiple subnets");
    }
  }
}

function checkBridgeName(ctx: NetworksContext, { id, bridgeName }: Network): void {
  if (bridgeName === '') return;
  if (!/^[^/\s]{1,15}$/.test(bridgeName)) throw invalid(`invalid bridge name: ${bridgeName}`);
  const other = [...ctx.networks.values()].find((network) => network.bridgeName === bridgeName);
  if (!other) return;
  throw forbidden(
    `cannot create network ${id} (${bridgeName}): conflicts with network ${other.id} (${bridgeName}): networks have same bridge name`,
  );
}
