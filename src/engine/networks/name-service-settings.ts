import type { ContainerDirectory, NetworkedContainer } from './container-directory.js';
import { hostResolvConf } from './host-resolv-conf.js';
import type { NameServiceSettings } from './name-service.js';
import { hasNdots, hostOptions, upstreamNameservers } from './resolv-conf.js';

/**
 * Where a container's questions go that are not about its networks: to the servers that it or the daemon names, which are
 * asked from its own namespace, else to the host's, asked from the host's, where a server on the loopback answers too.
 * Source: dockerd 28.5 (`ExtServers: [host(…)]` in resolv.conf).
 */
export function nameServiceSettings(containers: ContainerDirectory | null, containerId: string): NameServiceSettings {
  const find = (): Pick<NetworkedContainer, 'nameservers' | 'resolverOptions'> =>
    containers?.find(containerId) ?? { nameservers: [], resolverOptions: [] };
  return {
    servers: () => {
      const { nameservers } = find();
      const fromHost = nameservers.length === 0;
      return upstreamNameservers(hostResolvConf().text, nameservers).map((address) => ({ address, fromHost }));
    },
    ndotsSet: () => {
      const { resolverOptions } = find();
      return hasNdots(resolverOptions.length > 0 ? resolverOptions : hostOptions(hostResolvConf().text));
    },
  };
}
