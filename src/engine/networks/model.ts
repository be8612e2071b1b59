import type { EndpointConfig, PortBinding } from '../containers/container-config.js';
import type { PublishedPort } from '../containers/container.js';

/** One subnet of a network. Empty text: not given (ipRange) or none (gateway of an internal network without one). */
export interface IpamPool {
  /** `172.17.0.0/16`, `fd00::/64`. */
  subnet: string;
  ipRange: string;
  gateway: string;
  /** The gateway is the daemon's choice in a subnet that was asked for; dockerd doesn't show it. */
  isGatewayImplied?: boolean;
  /** By name; addresses that are never given out. */
  auxiliaryAddresses: Record<string, string>;
}

export interface IpamSettings {
  driver: string;
  /** null: none were given (the predefined networks show null, all others `{}`). */
  options: Record<string, string> | null;
  config: readonly IpamPool[];
}

/** The names the API uses; `null` is the driver of the network `none`. */
export type NetworkDriverName = 'bridge' | 'host' | 'macvlan' | 'ipvlan' | 'null';

/** The host's interface that the containers of a macvlan or ipvlan network are on. */
export interface ParentInterface {
  name: string;
  /** It was made by the daemon, so it goes with the last network on it. */
  isOurs: boolean;
}

/** A network as inspect shows it and the store keeps it. */
export interface Network {
  id: string;
  name: string;
  /** RFC 3339 with nanoseconds. */
  created: string;
  scope: 'local';
  driver: NetworkDriverName;
  enableIpv4: boolean;
  enableIpv6: boolean;
  internal: boolean;
  attachable: boolean;
  ingress: boolean;
  configOnly: boolean;
  configFrom: string;
  ipam: IpamSettings;
  options: Record<string, string>;
  labels: Record<string, string>;
  /** The subnets were chosen by the daemon, so no address may be asked for. */
  automaticPools: boolean;
  /** The host's interface; '' for other drivers than bridge. */
  bridgeName: string;
  /** The interface was made by the daemon, so it goes with the network. */
  ownsBridge: boolean;
  /** Of macvlan and ipvlan networks only. */
  parent?: ParentInterface;
}

/** What a client asks for with `POST /networks/create`; defaults are filled in by `create`. */
export interface CreateNetworkRequest {
  name: string;
  /** '' : bridge. */
  driver: string;
  enableIpv4: boolean | null;
  enableIpv6: boolean | null;
  internal: boolean;
  attachable: boolean;
  ingress: boolean;
  configOnly: boolean;
  configFrom: string;
  scope: string;
  ipam: { driver: string; options: Record<string, string> | null; config: readonly Partial<IpamPool>[] } | null;
  options: Record<string, string>;
  labels: Record<string, string>;
}

/** A container on a network, as the inspect of the network shows it. */
export interface NetworkMember {
  containerId: string;
  containerName: string;
  endpointId: string;
  macAddress: string;
  /** With prefix length, '' if none. */
  ipv4Address: string;
  ipv6Address: string;
}

export interface NetworkDetails extends Network {
  members: readonly NetworkMember[];
  /** Told by inspect only. */
  usage?: readonly PoolUsage[];
}

/** How full a subnet is. */
export interface PoolUsage {
  subnet: string;
  /** Addresses that are in use or kept for something. */
  inUse: bigint;
  /** Addresses of the range that can be given out. */
  available: bigint;
}

/** A running container's place on a network: what was given, and what was asked for. */
export interface Endpoint {
  endpointId: string;
  networkId: string;
  networkName: string;
  containerId: string;
  containerName: string;
  /** `eth0`; '' on host and none. */
  interfaceName: string;
  /** The host's end, `veth<7 hex>`; '' on other networks than bridges. */
  hostInterface: string;
  gateway: string;
  ipAddress: string;
  ipPrefixLen: number;
  ipv6Gateway: string;
  globalIpv6Address: string;
  globalIpv6PrefixLen: number;
  macAddress: string;
  /** null on networks without name service. */
  dnsNames: readonly string[] | null;
  aliases: readonly string[] | null;
  driverOpts: Record<string, string> | null;
  /** Further addresses that were asked for. */
  linkLocalIps: readonly string[];
  /** `other:alias`: names that only this container has for others on the network. */
  links: readonly string[] | null;
  gwPriority: number;
  /** Without gateways, all that has no better way is sent to the interface itself. */
  routesToDevice?: boolean;
}

/** A published port with where it leads to. */
export interface PortLease extends PublishedPort {
  containerAddress: string;
  /** Who reaches it at the container's own address as well. */
  directFor?: 'all' | 'trusted';
  /** The relay serves it, and there are no rules. */
  isServed?: boolean;
}

/** A container's network namespace with all that hangs on it; kept by the store while the container runs. */
export interface Sandbox {
  /** 64 hex. */
  sandboxId: string;
  /** Path of the namespace: `<exec-root>/netns/<first 12 of the sandbox id>`, or `…/default` for the host's. */
  sandboxKey: string;
  containerId: string;
  containerName: string;
  hostname: string;
  kind: 'private' | 'host';
  endpoints: readonly Endpoint[];
  ports: readonly PortLease[];
}

/** What a start asks of the network. */
export interface ConnectSandboxRequest {
  containerId: string;
  /** Without the leading slash. */
  containerName: string;
  hostname: string;
  /** `default`, `bridge`, `host`, `none`, `container:<full id>` or a network's name or id. */
  networkMode: string;
  /** By network name or id. The network of `networkMode` need not be in it. */
  endpoints: Record<string, EndpointConfig>;
  /** By `80/tcp`. */
  portBindings: Record<string, readonly PortBinding[]>;
  /** `80/tcp` */
  exposedPorts: readonly string[];
  publishAllPorts: boolean;
  /** The container-wide address of API < 1.44 clients; '' if none. */
  macAddress: string;
  /** `Config.NetworkDisabled`: as the mode `none`. */
  networkDisabled: boolean;
}

/** What a start gets. */
export interface SandboxNetwork {
  /** What the runtime joins; null: the host's namespace. */
  netnsPath: string | null;
  /** '' for `container:…`, as dockerd shows it. */
  sandboxId: string;
  sandboxKey: string;
  endpoints: readonly Endpoint[];
  /** What `docker port` shows. */
  ports: readonly PublishedPort[];
}
