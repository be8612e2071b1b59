import type { ContainerNetworkState } from '../../engine/containers/container.js';
import { fromContainerEndpoint } from './endpoint-settings.js';

/**
 * `NetworkSettings` of inspect. The flat address fields repeat the endpoint on the default bridge for clients from
 * before API 1.21; `compat/container-inspect.ts` takes them away from 1.52 on.
 */
export function fromContainerNetworkState(network: ContainerNetworkState) {
  const bridge = network.networks['bridge'];
  return {
    Bridge: '',
    SandboxID: network.sandboxId,
    SandboxKey: network.sandboxKey,
    Ports: fromPorts(network.ports),
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: bridge?.endpointId ?? '',
    Gateway: bridge?.gateway ?? '',
    GlobalIPv6Address: bridge?.globalIpv6Address ?? '',
    GlobalIPv6PrefixLen: bridge?.globalIpv6PrefixLen ?? 0,
    IPAddress: bridge?.ipAddress ?? '',
    IPPrefixLen: bridge?.ipPrefixLen ?? 0,
    IPv6Gateway: bridge?.ipv6Gateway ?? '',
    MacAddress: bridge?.effectiveMacAddress ?? '',
    Networks: Object.fromEntries(
      Object.entries(network.networks).map(([name, endpoint]) => [name, fromContainerEndpoint(endpoint)]),
    ),
  };
}

function fromPorts(ports: ContainerNetworkState['ports']) {
  return Object.fromEntries(
    Object.entries(ports).map(([port, bindings]) => [
      port,
      bindings && bindings.map(({ hostIp, hostPort }) => ({ HostIp: hostIp, HostPort: String(hostPort) })),
    ]),
  );
}
