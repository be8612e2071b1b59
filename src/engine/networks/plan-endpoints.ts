import { forbidden, internal, invalid } from '../../shared/errors.js';
import { randomHex } from '../../shared/random-hex.js';
import type { EndpointConfig } from '../containers/container-config.js';
import type { AddressLeases } from './address-leases.js';
import { ENDPOINT_OPTION } from './endpoint-options.js';
import { findNetwork, isPredefined } from './find-network.js';
import { claimAddress, gatewayOf, poolOf, prefixLengthOf, versionOf } from './ipam.js';
import { isRouted } from './lan-options.js';
import { macAddressFor } from './mac-address.js';
import type { ConnectSandboxRequest, Endpoint, IpamPool, Network } from './model.js';
import { NETWORK_OPTION } from './network-options.js';
import type { NetworksContext } from './networks-context.js';
import { takenAddresses } from './taken-addresses.js';
import { newVethName } from './wire-endpoint.js';

/** One network of a container, with what was asked for it. */
export interface EndpointRequest {
  network: Network;
  config: EndpointConfig | null;
}

/**
 * The networks that a container starts on: that of its mode first, then the others by name. Who names networks but not that of the mode is
 * not on it, unless that is none or the host's. Throws not-found, and invalid for none or the host's beside others, where the mode is not
 * the host's.
 */
export function requestedNetworks(ctx: NetworksContext, request: ConnectSandboxRequest): EndpointRequest[] {
  const mode = modeOf(ctx, request);
  const byId = new Map<string, EndpointRequest>();
  const primary = findNetwork(ctx, mode);
  byId.set(primary.id, { network: primary, config: null });
  for (const [ref, config] of Object.entries(request.endpoints)) {
    const network = findNetwork(ctx, ref === 'default' ? mode : ref);
    if (network.configOnly) throw forbidden('cannot create endpoint on configuration-only network');
    byId.set(network.id, { network, config });
  }
  if (primary.configOnly) throw forbidden('cannot create endpoint on configuration-only network');
  const [first, ...others] = [...byId.values()];
  if (!first) throw internal('a container without network mode');
  const drivers = others.map(({ network }) => network.driver);
  if (primary.driver !== 'host' && drivers.includes('host')) {
    throw invalid('cannot connect container to host network - container must be created in host network mode');
  }
  if (drivers.length > 0 && [primary.driver, ...drivers].includes('null')) {
    throw invalid('container cannot be connected to multiple networks with one of the networks in private (none) mode');
  }
  others.sort((one, other) => (one.network.name < other.network.name ? -1 : 1));
  if (primary.driver === 'host' || primary.driver === 'null') return [first];
  // A network of the mode that is not among the container's was disconnected while it was stopped.
  const wasDisconnected = first.config === null && Object.keys(request.endpoints).length > 0;
  return wasDisconnected ? others : [first, ...others];
}

/** `default` is the default bridge, or nothing where the daemon has none. */
function modeOf(ctx: NetworksContext, { networkMode, networkDisabled }: ConnectSandboxRequest): string {
  if (networkDisabled) return 'none';
  if (!['', 'default', 'bridge'].includes(networkMode)) return networkMode;
  return ctx.options.bridge === 'none' ? 'none' : 'bridge';
}

/** The name of the interface that a container gets: the one asked for, or the first free one of the network's prefix. */
export function interfaceNameFor({ network, config }: EndpointRequest, taken: readonly string[]): string {
  if (network.driver === 'host' || network.driver === 'null') return '';
  const asked = config?.driverOpts?.[ENDPOINT_OPTION.interfaceName];
  if (asked) return asked;
  const prefix = network.options[NETWORK_OPTION.interfacePrefix] || 'eth';
  for (let index = 0; ; index++) if (!taken.includes(`${prefix}${index}`)) return `${prefix}${index}`;
}

/** Whom an endpoint is for. */
export interface EndpointOwner {
  containerId: string;
  containerName: string;
  hostname: string;
}

/**
 * Decides addresses and names of an endpoint. Nothing is changed yet: the addresses are taken once the endpoint is in a
 * sandbox of `ctx.sandboxes`. Throws what dockerd says when there is no address or the requested one is in use.
 */
export function planEndpoint(
  ctx: NetworksContext,
  owner: EndpointOwner,
  { network, config }: EndpointRequest,
  interfaceName: string,
  fallbackMac: string,
): Endpoint {
  const base = emptyEndpoint(owner, network, config);
  if (network.driver === 'host' || network.driver === 'null') return base;
  const leases = takenAddresses(ctx, network);
  const v4 = pick(network, 4, config?.ipamConfig?.ipv4Address ?? '', leases);
  const v6 = pick(network, 6, config?.ipamConfig?.ipv6Address ?? '', leases);
  const requestedMac = config?.macAddress || fallbackMac;
  const hasGateway = !network.internal && !isRouted(network);
  return {
    ...base,
    interfaceName,
    hostInterface: network.driver === 'bridge' ? newVethName() : '',
    gateway: hasGateway && v4 ? gatewayOf(v4.pool) : '',
    ipAddress: v4?.address ?? '',
    ipPrefixLen: v4 ? prefixLengthOf(v4.pool) : 0,
    ipv6Gateway: hasGateway && v6 ? gatewayOf(v6.pool) : '',
    globalIpv6Address: v6?.address ?? '',
    globalIpv6PrefixLen: v6 ? prefixLengthOf(v6.pool) : 0,
    macAddress: macAddressOf(network, requestedMac, v4?.address ?? ''),
    ...(isRouted(network) && !network.internal ? { routesToDevice: true } : {}),
  };
}

/** '' where the interface has that of its parent. */
function macAddressOf({ driver }: Network, requested: string, ipAddress: string): string {
  if (driver === 'ipvlan') {
    if (requested !== '') throw internal('ipvlan interfaces do not support custom mac address assignment');
    return '';
  }
  return requested === '' ? macAddressFor(ipAddress) : requested.toLowerCase().replaceAll('-', ':');
}

/** What a container is called by others on a network; null on the predefined ones, which have no name service. */
export function dnsNamesOf(
  { containerId, containerName, hostname }: EndpointOwner,
  networkName: string,
  aliases: readonly string[],
): string[] | null {
  if (isPredefined(networkName)) return null;
  const names = [containerName, ...aliases, containerId.slice(0, 12), hostname];
  return [...new Set(names.filter((name) => name !== ''))];
}

function emptyEndpoint(owner: EndpointOwner, network: Network, config: EndpointConfig | null): Endpoint {
  const aliases = config?.aliases ?? null;
  return {
    endpointId: randomHex(32),
    networkId: network.id,
    networkName: network.name,
    containerId: owner.containerId,
    containerName: owner.containerName,
    interfaceName: '',
    hostInterface: '',
    gateway: '',
    ipAddress: '',
    ipPrefixLen: 0,
    ipv6Gateway: '',
    globalIpv6Address: '',
    globalIpv6PrefixLen: 0,
    macAddress: '',
    dnsNames: dnsNamesOf(owner, network.name, aliases ?? []),
    aliases,
    links: config?.links ?? null,
    driverOpts: config?.driverOpts ?? null,
    linkLocalIps: config?.ipamConfig?.linkLocalIps ?? [],
    gwPriority: config?.gwPriority ?? 0,
  };
}

function pick(
  network: Network,
  version: 4 | 6,
  requested: string,
  leases: AddressLeases,
): { pool: IpamPool; address: string } | null {
  const enabled = version === 4 ? network.enableIpv4 : network.enableIpv6;
  const pools = network.ipam.config.filter((pool) => versionOf(pool) === version);
  if (!enabled || pools.length === 0) return null;
  if (requested !== '') {
    const pool = poolOf(pools, requested);
    if (!pool) throw invalid(`no configured subnet or ip-range contain the IP address ${requested}`);
    return { pool, address: claimAddress(pool, requested, leases.addresses) };
  }
  for (const pool of pools) {
    const address = leases.lowestFree(pool);
    if (address !== null) return { pool, address };
  }
  throw internal(
    `no available IPv${version} addresses on this network's address pools: ${network.name} (${network.id})`,
  );
}
