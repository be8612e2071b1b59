import type { ContainerDirectory, NetworkedContainer } from '../networks/container-directory.js';
import type { EndpointConfig } from './container-config.js';
import type { ContainerEndpoint } from './container.js';
import type { ContainerEntry } from './container-entry.js';
import type { ContainersContext } from './containers-context.js';
import { dnsNamesOf } from '../networks/plan-endpoints.js';
import { connected, portMap, unconnected } from './initial-network.js';
import { refreshNetworkFiles } from './network-files.js';

/** What the networks may ask of and tell to containers. */
export function networkDirectory(ctx: ContainersContext): ContainerDirectory {
  const save = (entry: ContainerEntry, networks: ContainerEntry['container']['network']['networks']): void => {
    const sandbox = ctx.deps.networks.sandboxOf(entry.id);
    // Ports go through the network that the way out goes through, which may have changed.
    const ports = sandbox ? portMap(sandbox.ports) : entry.container.network.ports;
    ctx.registry.save(entry, { network: { ...entry.container.network, networks, ports } });
  };
  return {
    find: (ref) => describe(ctx, ctx.registry.find(ref)),
    connected: async (containerId, networkName, config: EndpointConfig, endpoint) => {
      const entry = ctx.registry.find(containerId);
      save(entry, {
        ...entry.container.network.networks,
        [networkName]: endpoint ? connected(config, endpoint) : awaited(entry, networkName, config),
      });
      refreshFiles(ctx, entry, { came: addressesOf(endpoint) });
    },
    disconnected: async (containerId, networkName) => {
      const entry = ctx.registry.find(containerId);
      const { [networkName]: gone, ...networks } = entry.container.network.networks;
      save(entry, networks);
      refreshFiles(ctx, entry, { left: addressesOf(gone) });
    },
  };
}

/** A network that the container is on from its next start on. */
function awaited({ container }: ContainerEntry, networkName: string, config: EndpointConfig): ContainerEndpoint {
  const owner = { containerId: container.id, containerName: container.name, hostname: container.config.hostname };
  return { ...unconnected(config), dnsNames: dnsNamesOf(owner, networkName, config.aliases ?? []) };
}

/** A running container sees its new addresses in /etc/hosts and its name servers in /etc/resolv.conf. */
function refreshFiles(
  ctx: ContainersContext,
  entry: ContainerEntry,
  addresses: Parameters<typeof refreshNetworkFiles>[3],
): void {
  const sandbox = entry.container.state.running ? ctx.deps.networks.sandboxOf(entry.id) : null;
  if (sandbox) refreshNetworkFiles(ctx, entry.container, sandbox, addresses);
}

function addressesOf(
  endpoint: Pick<ContainerEndpoint, 'ipAddress' | 'globalIpv6Address'> | null | undefined,
): string[] {
  return [endpoint?.ipAddress ?? '', endpoint?.globalIpv6Address ?? ''].filter((address) => address !== '');
}

function describe({ deps }: ContainersContext, { container }: ContainerEntry): NetworkedContainer {
  const { dns, dnsOptions } = container.hostConfig;
  return {
    id: container.id,
    name: container.name,
    hostname: container.config.hostname,
    running: container.state.running && !container.state.restarting,
    networkMode: container.hostConfig.networkMode,
    ports: {
      portBindings: container.hostConfig.portBindings,
      exposedPorts: container.config.exposedPorts,
      publishAllPorts: container.hostConfig.publishAllPorts,
    },
    networkNames: Object.keys(container.network.networks),
    nameservers: dns.length > 0 ? dns : deps.defaults.dns,
    resolverOptions: dnsOptions.length > 0 ? dnsOptions : deps.defaults.dnsOptions,
  };
}
