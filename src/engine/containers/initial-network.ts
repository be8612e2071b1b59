import type { Draft } from '../../shared/draft.js';
import { errorKind } from '../../shared/errors.js';
import type { ContainerConfig, EndpointConfig, HostConfig } from './container-config.js';
import type { ContainerEndpoint, ContainerNetworkState, PublishedPort } from './container.js';
import type { ContainersContext } from './containers-context.js';
import type { Endpoint, SandboxNetwork } from '../networks/model.js';

const NO_CONFIG: EndpointConfig = {
  ipamConfig: null,
  links: null,
  aliases: null,
  driverOpts: null,
  macAddress: '',
  gwPriority: 0,
};

/** A container's networks as long as it does not run: what was asked for, with nothing given yet. */
export function initialNetwork(
  ctx: ContainersContext,
  host: HostConfig,
  endpoints: Record<string, EndpointConfig>,
  { macAddress, networkDisabled: isDisabled }: ContainerConfig,
): ContainerNetworkState {
  const networks: Record<string, ContainerEndpoint> = {};
  if (!host.networkMode.startsWith('container:') && !isDisabled) {
    const primary = networkName(ctx, host.networkMode);
    // Who names networks, but not that of the mode, is not on it.
    if (Object.keys(endpoints).length === 0 || ['host', 'none'].includes(primary)) {
      networks[primary] = unconnected({ ...NO_CONFIG, macAddress });
    }
    for (const [ref, config] of Object.entries(endpoints)) {
      const name = networkName(ctx, ['', 'default'].includes(ref) ? 'bridge' : ref);
      networks[name] = unconnected({
        ...config,
        macAddress: config.macAddress || (name === primary ? macAddress : ''),
      });
    }
  }
  return { sandboxId: '', sandboxKey: '', networks, ports: {} };
}

/** The name of a network given by name or id; what does not exist yet stays as it was given. */
function networkName(ctx: ContainersContext, ref: string): string {
  if (['bridge', 'host', 'none'].includes(ref)) return ref;
  try {
    return ctx.deps.networks.inspect(ref).name;
  } catch (error) {
    if (errorKind(error) !== 'not-found') throw error;
    return ref;
  }
}

/** An endpoint with its request only. */
export function unconnected(config: EndpointConfig): ContainerEndpoint {
  return {
    ipamConfig: config.ipamConfig,
    links: config.links,
    aliases: config.aliases,
    driverOpts: config.driverOpts,
    macAddress: config.macAddress,
    gwPriority: config.gwPriority,
    networkId: '',
    endpointId: '',
    gateway: '',
    ipAddress: '',
    ipPrefixLen: 0,
    ipv6Gateway: '',
    globalIpv6Address: '',
    globalIpv6PrefixLen: 0,
    effectiveMacAddress: '',
    dnsNames: null,
  };
}

/** An endpoint with what it was given. */
export function connected(config: EndpointConfig, given: Endpoint): ContainerEndpoint {
  return {
    ...unconnected(config),
    networkId: given.networkId,
    endpointId: given.endpointId,
    gateway: given.gateway,
    ipAddress: given.ipAddress,
    ipPrefixLen: given.ipPrefixLen,
    ipv6Gateway: given.ipv6Gateway,
    globalIpv6Address: given.globalIpv6Address,
    globalIpv6PrefixLen: given.globalIpv6PrefixLen,
    effectiveMacAddress: given.macAddress,
    dnsNames: given.dnsNames,
  };
}

/** The network state of a container that runs in a sandbox. */
export function sandboxState(before: ContainerNetworkState, sandbox: SandboxNetwork): ContainerNetworkState {
  const networks = { ...before.networks };
  for (const endpoint of sandbox.endpoints) {
    networks[endpoint.networkName] = connected(networks[endpoint.networkName] ?? NO_CONFIG, endpoint);
  }
  return {
    sandboxId: sandbox.sandboxId,
    sandboxKey: sandbox.sandboxKey,
    networks,
    ports: portMap(sandbox.ports),
  };
}

/** The state after the sandbox is gone: the requests stay, and so does what the last networks were and called it. Source: dockerd 28.5. */
export function withoutSandbox(before: ContainerNetworkState): ContainerNetworkState {
  const networks = Object.entries(before.networks).map(([name, endpoint]) => {
    const { networkId, dnsNames } = endpoint;
    return [name, { ...unconnected(endpoint), networkId, dnsNames }] as const;
  });
  return { sandboxId: '', sandboxKey: '', networks: Object.fromEntries(networks), ports: {} };
}

/** Ports as inspect shows them. */
export function portMap(ports: readonly PublishedPort[]): ContainerNetworkState['ports'] {
  const map: Draft<ContainerNetworkState['ports']> = {};
  for (const { containerPort, proto, hostIp, hostPort, direct } of ports) {
    const key = `${containerPort}/${proto}`;
    if (direct) map[key] = [...(map[key] ?? []), { hostIp, hostPort: '' }];
    else if (hostPort === 0) map[key] ??= null;
    else map[key] = [...(map[key] ?? []), { hostIp, hostPort: String(hostPort) }];
  }
  return map;
}
