import { invalid } from '../../shared/errors.js';
import type { PortBinding } from '../containers/container-config.js';
import type { ConnectSandboxRequest, Endpoint, Network, PortLease } from './model.js';
import type { NetworksContext } from './networks-context.js';
import { parseHostPort, type PortProtocol } from './port-allocation.js';

/**
 * Takes the host's ports that a container publishes, through the endpoint that its default route uses. A binding without
 * address is for all addresses of the families that the container has: IPv6 clients are served only by containers with
 * IPv6, since the kernel does not translate between the two. What is exposed and not published is in the result with
 * `hostPort` 0. Throws in dockerd's words, with nothing taken.
 */
export function leasePorts(
  ctx: NetworksContext,
  request: ConnectSandboxRequest,
  network: Network,
  endpoint: Endpoint,
): PortLease[] {
  const leases: PortLease[] = [];
  try {
    for (const key of portKeys(request)) {
      const { containerPort, proto } = parsePort(key);
      const bindings = bindingsOf(request, key);
      for (const binding of bindings) leases.push(...lease(ctx, network, endpoint, containerPort, proto, binding));
      if (bindings.length === 0) leases.push({ containerPort, proto, hostIp: '', hostPort: 0, containerAddress: '' });
    }
  } catch (error) {
    releasePorts(ctx, leases);
    throw error;
  }
  return leases;
}

/** Gives ports back to the host. */
export function releasePorts(ctx: NetworksContext, leases: readonly PortLease[]): void {
  for (const { proto, hostIp, hostPort } of leases) {
    if (hostPort !== 0) ctx.ports.release(proto, hostIp, hostPort);
  }
}

/** In the order of their numbers, so that ephemeral ports are given out predictably. */
function portKeys({ portBindings, exposedPorts }: ConnectSandboxRequest): string[] {
  const keys = [...new Set([...exposedPorts, ...Object.keys(portBindings)])];
  return keys.sort((one, other) => parseInt(one, 10) - parseInt(other, 10) || (one < other ? -1 : 1));
}

function bindingsOf({ portBindings, publishAllPorts }: ConnectSandboxRequest, key: string): PortBinding[] {
  const bindings = portBindings[key] ?? [];
  return bindings.length === 0 && publishAllPorts ? [{ hostIp: '', hostPort: '' }] : bindings;
}

function lease(
  ctx: NetworksContext,
  network: Network,
  endpoint: Endpoint,
  containerPort: number,
  proto: PortProtocol,
  binding: PortBinding,
): PortLease[] {
  const hostIps = hostAddresses(ctx, network, endpoint, binding.hostIp);
  const target = `${endpoint.ipAddress || `[${endpoint.globalIpv6Address}]`}:${containerPort}`;
  const hostPort = ctx.ports.allocate({ proto, hostIps, ...parseHostPort(binding.hostPort), target });
  return hostIps.map((hostIp) => ({
    containerPort,
    proto,
    hostIp,
    hostPort,
    containerAddress: hostIp.includes(':') ? endpoint.globalIpv6Address : endpoint.ipAddress,
  }));
}

function hostAddresses(ctx: NetworksContext, network: Network, endpoint: Endpoint, requested: string): string[] {
  const has = (address: string): boolean =>
    (address.includes(':') ? endpoint.globalIpv6Address : endpoint.ipAddress) !== '';
  if (requested !== '' && requested !== '[::]') {
    const address = requested.replace(/^\[(.*)\]$/, '$1');
    if (has(address)) return [address];
    throw invalid(`cannot publish a port on ${address}: the container has no address of that family`);
  }
  const fallback = network.options['com.docker.network.bridge.host_binding_ipv4'] ?? ctx.options.hostIp;
  const v6 = fallback === '0.0.0.0' || fallback.includes(':') ? ['::'] : [];
  return [...(fallback.includes(':') ? [] : [fallback]), ...v6].filter(has);
}

function parsePort(key: string): { containerPort: number; proto: PortProtocol } {
  const [port = '', proto = 'tcp'] = key.split('/');
  const containerPort = Number(port);
  if (!/^\d{1,5}$/.test(port) || containerPort < 1 || containerPort > 65_535) throw invalid(`invalid port: "${key}"`);
  if (proto !== 'tcp' && proto !== 'udp' && proto !== 'sctp') throw invalid(`invalid proto: ${proto}`);
  return { containerPort, proto };
}
