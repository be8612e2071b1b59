import { randomBytes } from 'node:crypto';
import { findLink } from '../../host/netlink/links.js';
import { conflict, forbidden, internal, invalid, notFound } from '../../shared/errors.js';
import { formatRfc3339Nano, nowNs } from '../../shared/rfc3339.js';
import { ensureBridge } from './bridge-interface.js';
import { overlaps, parseCidr } from './cidr.js';
import { applyConfigFrom, checkConfigOnly } from './config-networks.js';
import { allNetworks, isPredefined } from './find-network.js';
import { switchForwardingOn } from './forwarding.js';
import { versionOf } from './ipam.js';
import { checkLanOptions, isLanDriver, isRouted } from './lan-options.js';
import type { CreateNetworkRequest, Network } from './model.js';
import { checkBridgeOptions, familyOption, gatewayMode, NETWORK_OPTION } from './network-options.js';
import { poolsFor, usedBlocks } from './network-pools.js';
import { bridgeRules, firewallState, type NetworksContext } from './networks-context.js';
import { chooseParent, ensureParent, refuseSharedParent } from './parent-interface.js';
import { forgetNetwork } from './remove-network.js';
import { checkPools } from './validate-pools.js';

/** Makes a user-defined network. Nothing is left when it throws. */
export async function createNetwork(
  ctx: NetworksContext,
  request: CreateNetworkRequest,
): Promise<{ id: string; warning: string }> {
  checkRequest(ctx, request);
  const network = describe(
    ctx,
    request.configFrom === '' ? withDefaultOptions(ctx, request) : applyConfigFrom(ctx, request),
  );
  const { id } = network;
  checkBridgeName(ctx, network);
  checkBridgeSubnets(ctx, network);
  // Written first: a daemon that dies in between finds the network at boot and makes what is missing.
  ctx.repository.insertNetwork(network);
  ctx.networks.set(id, network);
  if (network.driver === 'bridge') await makeBridge(ctx, network);
  else await makeParent(ctx, network);
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
    // The first network with IPv6 may come long after the daemon.
    if (switchForwardingOn(ctx)) await ctx.firewall.sync(firewallState(ctx, true));
    else await ctx.firewall.addBridge(bridgeRules(ctx, network));
  } catch (error) {
    await forgetNetwork(ctx, network);
    await ctx.firewall.removeBridge(network.bridgeName);
    throw error;
  }
}

async function makeParent(ctx: NetworksContext, network: Network): Promise<void> {
  if (!network.parent) return;
  try {
    ensureParent(ctx, network);
  } catch (error) {
    await forgetNetwork(ctx, network);
    throw error;
  }
}

function checkRequest(ctx: NetworksContext, request: CreateNetworkRequest): void {
  const { name, driver, ipam, scope, ingress, configOnly } = request;
  if (name.trim() === '') throw invalid('invalid name: name is empty');
  if (isPredefined(name) || name === 'default') {
    throw forbidden(`operation is not permitted on predefined ${name} network `);
  }
  if (allNetworks(ctx).some((network) => network.name === name)) {
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
  if (!['', 'bridge', 'default'].includes(driver) && !isLanDriver(driver))
    throw notFound(`plugin "${driver}" not found`);
}

/** The request with what the daemon's options say for all networks of the driver. */
function withDefaultOptions(ctx: NetworksContext, request: CreateNetworkRequest): CreateNetworkRequest {
  const defaults = ctx.options.defaultNetworkOptions[driverOf(request)];
  return defaults ? { ...request, options: { ...defaults, ...request.options } } : request;
}

function describe(ctx: NetworksContext, request: CreateNetworkRequest): Network {
  const { options, configOnly, internal: isInternal } = request;
  const driver = driverOf(request);
  const id = randomBytes(32).toString('hex');
  const requested = request.ipam?.config ?? [];
  checkPools(requested);
  const enableIpv4 = request.enableIpv4 ?? familyOption(options, NETWORK_OPTION.enableIpv4) ?? true;
  const enableIpv6 = request.enableIpv6 ?? familyOption(options, NETWORK_OPTION.enableIpv6) ?? false;
  if (!enableIpv4 && !enableIpv6) throw invalid('IPv4 or IPv6 must be enabled');
  if (!configOnly) {
    if (isLanDriver(driver)) checkLanOptions(driver, options);
    else {
      checkBridgeOptions(options, isInternal);
      checkPoolCount(requested);
    }
  }
  const bridgeName = driver === 'bridge' ? options[NETWORK_OPTION.bridgeName] || `br-${id.slice(0, 12)}` : '';
  const wantsGateway = (version: 4 | 6): boolean =>
    isLanDriver(driver)
      ? !isInternal && !isRouted({ driver, options })
      : gatewayMode({ options }, version) !== 'isolated';
  const config = configOnly
    ? requested.map(({ subnet = '', ipRange = '', gateway = '', auxiliaryAddresses = {} }) => ({
        subnet,
        ipRange,
        gateway,
        auxiliaryAddresses,
      }))
    : poolsFor(ctx, { requested, enableIpv4, enableIpv6, wantsGateway });
  const network: Network = {
    id,
    name: request.name,
    created: formatRfc3339Nano(nowNs()),
    scope: 'local',
    driver,
    enableIpv4,
    enableIpv6,
    internal: isInternal,
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
  if (!isLanDriver(driver)) return network;
  const lan = { ...network, parent: chooseParent(ctx, network) };
  refuseSharedParent(ctx, lan);
  return lan;
}

function driverOf({ configOnly, driver }: CreateNetworkRequest): Network['driver'] {
  if (configOnly) return 'null';
  return isLanDriver(driver) ? driver : 'bridge';
}

function checkPoolCount(pools: NonNullable<CreateNetworkRequest['ipam']>['config']): void {
  for (const version of [4, 6] as const) {
    const own = pools.filter(({ subnet = '' }) => versionOf({ subnet }) === version);
    if (new Set(own.map(({ subnet, ipRange }) => `${subnet} ${ipRange}`)).size > 1) {
      throw forbidden("bridge driver doesn't support multiple subnets");
    }
  }
}

/** The host could not tell which of two bridges an address is behind. */
function checkBridgeSubnets(ctx: NetworksContext, { id, driver, bridgeName, ipam }: Network): void {
  if (driver !== 'bridge') return;
  for (const { subnet } of ipam.config.filter(({ ipRange }) => ipRange !== '')) {
    const block = parseCidr(subnet);
    const other = allNetworks(ctx).find(
      (one) => one.driver === 'bridge' && usedBlocks(one).some((used) => block && overlaps(used, block)),
    );
    if (!block || !other) continue;
    const who = `cannot create network ${id} (${bridgeName}): conflicts with network ${other.id} (${other.bridgeName})`;
    throw forbidden(`${who}: networks have overlapping IPv${block.version}`);
  }
}

function checkBridgeName(ctx: NetworksContext, { id, bridgeName }: Network): void {
  if (bridgeName === '') return;
  // The kernel's words, which dockerd passes on.
  if (bridgeName.length > 15) throw internal('numerical result out of range');
  if (/[/:\s]/.test(bridgeName) || ['.', '..'].includes(bridgeName)) throw internal('invalid argument');
  const other = allNetworks(ctx).find((network) => network.bridgeName === bridgeName);
  if (!other) return;
  throw forbidden(
    `cannot create network ${id} (${bridgeName}): conflicts with network ${other.id} (${bridgeName}): networks have same bridge name`,
  );
}
