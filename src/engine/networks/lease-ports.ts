import { isIP } from 'node:net';
import type { RelayTarget } from '../../host/relay/port-entry.js';
import { hasIpv6 } from '../../host/sys/socket.js';
import { errorKind, errorMessage, internal, invalid, WharfError } from '../../shared/errors.js';
import type { PortBinding } from '../containers/container-config.js';
import type { ConnectSandboxRequest, Endpoint, Network, PortLease } from './model.js';
import { findNetwork } from './find-network.js';
import { gatewayEndpoint } from './default-routes.js';
import { isLanEndpoint } from './lan-endpoint.js';
import { gatewayMode, NETWORK_OPTION, trustedInterfaces } from './network-options.js';
import type { NetworksContext } from './networks-context.js';
import { parseHostPort, type PortProtocol } from './port-allocation.js';

/** What a container asks for of ports. */
export type PortWishes = Pick<ConnectSandboxRequest, 'portBindings' | 'exposedPorts' | 'publishAllPorts'>;

/** The endpoint that a family's default route uses, and its network. */
interface Way {
  network: Network;
  endpoint: Endpoint;
}

/** Where callers of each family are led to; null: that family has no way out, or one on the host's own wire, where nothing is published. */
export interface Ways {
  4: Way | null;
  6: Way | null;
}

/** Both may be the same, and are on a network that has both families. Source: dockerd 28.5, tried. */
export function waysOut(ctx: NetworksContext, endpoints: readonly Endpoint[]): Ways {
  const way = (version: 4 | 6): Way | null => {
    const endpoint = gatewayEndpoint(endpoints, version);
    return endpoint && !isLanEndpoint(endpoint) ? { endpoint, network: findNetwork(ctx, endpoint.networkId) } : null;
  };
  return { 4: way(4), 6: way(6) };
}

/**
 * Takes the host's ports that a container publishes, through the endpoints that its default routes use. A binding without
 * address is for all addresses of both families; callers over IPv6 to a container that lacks it are served by the relay, since
 * the kernel does not translate between the two; `settleRelays` tells it. What is exposed and not published is in the result with
 * `hostPort` 0. Throws in dockerd's words, with nothing taken.
 */
export function leasePorts(ctx: NetworksContext, request: PortWishes, ways: Ways): PortLease[] {
  const leases: PortLease[] = [];
  try {
    for (const key of portKeys(request)) {
      const { containerPort, proto } = parsePort(key);
      if (!isPublishable(proto)) {
        // dockerd as well minds an unknown protocol only when it is to publish everything.
        if (request.publishAllPorts) throw internal('unknown protocol');
        continue;
      }
      const before = leases.length;
      for (const binding of bindingsOf(request, key)) leases.push(...lease(ctx, ways, containerPort, proto, binding));
      if (leases.length > before) continue;
      leases.push({ containerPort, proto, hostIp: '', hostPort: 0, containerAddress: '' });
    }
  } catch (error) {
    releasePorts(ctx, leases);
    throw error;
  }
  return leases;
}

/** What went wrong with a container's ports, in the words in which dockerd tells it. */
export function connectivityError(containerName: string, { endpointId }: Endpoint, error: unknown): WharfError {
  const what = `driver failed programming external connectivity on endpoint ${containerName} (${endpointId})`;
  return new WharfError(errorKind(error), `${what}: ${errorMessage(error)}`, { cause: error });
}

/** Gives ports back to the host. */
export function releasePorts(ctx: NetworksContext, leases: readonly PortLease[]): void {
  for (const { proto, hostIp, hostPort } of leases) {
    if (hostPort !== 0) ctx.ports.release(proto, hostIp, hostPort);
  }
}

/** Waits until the relay knows of these ports, and of all that were given back. Rejects when it can't serve one of them. */
export function settleRelays(ctx: NetworksContext, leases: readonly PortLease[] = []): Promise<void> {
  const ports = leases.flatMap(({ proto, hostIp, hostPort }) =>
    hostPort !== 0 ? [{ proto, hostIp, port: hostPort }] : [],
  );
  return ctx.relays.settle(ports);
}

/** In the order of their numbers, so that ephemeral ports are given out predictably. */
function portKeys({ portBindings, exposedPorts }: PortWishes): string[] {
  const keys = [...new Set([...exposedPorts, ...Object.keys(portBindings)])];
  return keys.sort((one, other) => parseInt(one, 10) - parseInt(other, 10) || (one < other ? -1 : 1));
}

function bindingsOf({ portBindings, publishAllPorts }: PortWishes, key: string): readonly PortBinding[] {
  const bindings = portBindings[key] ?? [];
  return bindings.length === 0 && publishAllPorts ? [{ hostIp: '', hostPort: '' }] : bindings;
}

function lease(
  ctx: NetworksContext,
  ways: Ways,
  containerPort: number,
  proto: PortProtocol,
  binding: PortBinding,
): PortLease[] {
  const wanted = hostAddresses(ctx, ways, binding.hostIp);
  const leases = wanted.flatMap((hostIp) => destination(ctx, ways, containerPort, proto, hostIp));
  const bound = leases.filter(({ direct }) => !direct);
  const [first] = bound;
  if (!first) return leases;
  const relays = new Map(bound.map((one) => relayOf(ctx, one)).filter((one) => one !== null));
  const hostIps = bound.map(({ hostIp }) => hostIp);
  const { containerAddress } = first;
  const target = `${containerAddress.includes(':') ? `[${containerAddress}]` : containerAddress}:${containerPort}`;
  const hostPort = ctx.ports.allocate({ proto, hostIps, ...parseHostPort(binding.hostPort), target, relays });
  return leases.map((one) => (one.direct ? one : { ...one, hostPort }));
}

/** Where a binding at a host's address leads to; nothing when there is no way to the container for callers of that family. */
function destination(
  ctx: NetworksContext,
  ways: Ways,
  containerPort: number,
  proto: PortProtocol,
  hostIp: string,
): PortLease[] {
  const version = versionOf(hostIp);
  const way = ways[version];
  const lease = { containerPort, proto, hostIp, hostPort: 0 };
  if (way) {
    const { network, endpoint } = way;
    const containerAddress = version === 6 ? endpoint.globalIpv6Address : endpoint.ipAddress;
    const own = { ...lease, containerAddress };
    if (gatewayMode(network, version) === 'routed') return [{ ...own, direct: true }];
    if (version === 6 && !ctx.options.ip6tables) return [{ ...own, isServed: true }];
    return [{ ...own, ...directAccess(ctx, network) }];
  }
  // Callers over IPv6 can be served by the relay; the other way round dockerd does not either.
  const containerAddress = version === 6 ? ways[4]?.endpoint.ipAddress : undefined;
  const isServed = ctx.options.userlandProxy && proto !== 'sctp' && hasIpv6();
  return containerAddress && isServed ? [{ ...lease, containerAddress }] : [];
}

function directAccess(ctx: NetworksContext, network: Network): Pick<PortLease, 'directFor'> {
  if (ctx.options.allowDirectRouting) return { directFor: 'all' };
  return trustedInterfaces(network).length > 0 ? { directFor: 'trusted' } : {};
}

/**
 * The part of a lease that the relay serves; null: the firewall leads there. The kernel leads nothing that a host's program
 * sends to ::1 elsewhere.
 */
export function relayOf(
  ctx: NetworksContext,
  { hostIp, containerAddress, containerPort, direct, isServed }: PortLease,
): [string, RelayTarget] | null {
  const isTranslated =
    !isServed && hostIp.includes(':') === containerAddress.includes(':') && ctx.firewall.backend !== 'none';
  const takesLoopback = hostIp === '::' || hostIp === '::1';
  if (direct || (isTranslated && !takesLoopback) || !ctx.options.userlandProxy) return null;
  return [hostIp, { address: containerAddress, port: containerPort }];
}

/** The addresses that a binding names, or those of the networks. A text that is no address means none, as with dockerd. */
function hostAddresses(ctx: NetworksContext, ways: Ways, requested: string): string[] {
  if (isIP(requested) !== 0) return [requested];
  return ([4, 6] as const).flatMap((version) => {
    const network = (ways[version] ?? ways[4] ?? ways[6])?.network;
    const address = network?.options[NETWORK_OPTION.hostBinding] ?? ctx.options.hostIp;
    return (address === '0.0.0.0' ? ['0.0.0.0', '::'] : [address]).filter((one) => versionOf(one) === version);
  });
}

const versionOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);

function parsePort(key: string): { containerPort: number; proto: string } {
  const [port = '', proto = 'tcp'] = key.split('/');
  const containerPort = Number(port);
  if (!/^\d{1,5}$/.test(port) || containerPort < 1 || containerPort > 65_535) throw invalid(`invalid port: "${key}"`);
  return { containerPort, proto };
}

function isPublishable(proto: string): proto is PortProtocol {
  return proto === 'tcp' || proto === 'udp' || proto === 'sctp';
}
