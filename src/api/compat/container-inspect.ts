import type { WireContainer } from '../schemas/container-inspect.js';
import type { VersionGate } from './version-gate.js';

/** Repeated from the default bridge's endpoint, for clients from before API 1.21. */
const FLAT_NETWORK_FIELDS = [
  'Bridge',
  'HairpinMode',
  'LinkLocalIPv6Address',
  'LinkLocalIPv6PrefixLen',
  'SecondaryIPAddresses',
  'SecondaryIPv6Addresses',
  'EndpointID',
  'Gateway',
  'GlobalIPv6Address',
  'GlobalIPv6PrefixLen',
  'IPAddress',
  'IPPrefixLen',
  'IPv6Gateway',
  'MacAddress',
];

/** Source: Engine API changelog, and replies of dockerd 28.5 to every version. */
export const CONTAINER_INSPECT_RESPONSE: readonly VersionGate[] = [
  ...FLAT_NETWORK_FIELDS.map((name): VersionGate => ({ path: `NetworkSettings.${name}`, until: '1.51' })),
  { path: 'HostConfig.KernelMemory', until: '1.41' },
  { path: 'HostConfig.KernelMemoryTCP', until: '1.51' },
  { path: 'Config.MacAddress', until: '1.51' },
  { path: 'ImageManifestDescriptor', since: '1.48' },
  { below: '1.45', change: addShortIdAliases },
  { since: '1.52', change: omitEmptyOnBuild },
];

/** Until 1.44, Aliases had the names that DNSNames has since, save the container's own. */
function addShortIdAliases(body: WireContainer): void {
  for (const [network, endpoint] of Object.entries(body.NetworkSettings.Networks)) {
    if (['bridge', 'host', 'none'].includes(network)) continue;
    const aliases = new Set([...(endpoint.Aliases ?? []), body.Id.slice(0, 12), body.Config.Hostname]);
    endpoint.Aliases = [...aliases].filter((alias) => alias !== '');
  }
}

function omitEmptyOnBuild({ Config: config }: WireContainer): void {
  if (!config.OnBuild || config.OnBuild.length === 0) delete config.OnBuild;
}
