import type { Firewall, FirewallState, SubnetRules } from '../../host/firewall/firewall.js';
import type { RouteSocket } from '../../host/netlink/route-socket.js';
import { internal } from '../../shared/errors.js';
import type { Logger } from '../../shared/logger.js';
import type { EmitEvent } from '../events/event.js';
import type { ContainerDirectory } from './container-directory.js';
import { type AddressPool, versionOf } from './ipam.js';
import type { NameService } from './name-service.js';
import type { IpamPool, Network, PortLease, Sandbox } from './model.js';
import { flag, gatewayMode, NETWORK_OPTION } from './network-options.js';
import type { NetworkRepository } from './network-repository.js';
import type { PortAllocator } from './port-allocation.js';

/** How the daemon is configured. */
export interface NetworkOptions {
  /** Where namespaces are kept, `<exec-root>/netns`. */
  netnsDir: string;
  /** `--bridge`: '' is docker0, made by us; `none` is no default bridge; else an existing bridge that is left as it is. */
  bridge: string;
  /** `--bip`, an address with its prefix length, or ''. */
  bip: string;
  /** `--fixed-cidr`, or ''. */
  fixedCidr: string;
  /** `--default-gateway`, or ''. */
  defaultGateway: string;
  mtu: number;
  icc: boolean;
  ipMasq: boolean;
  ipForward: boolean;
  /** Whether forwarding that we switch on is confined to our bridges. */
  confineForwarding: boolean;
  /** `--ip`: where ports are published that name no address. */
  hostIp: string;
  /** Whether this process serves ports that the kernel can't lead to their container. */
  userlandProxy: boolean;
  /** Empty: dockerd's defaults. */
  addressPools: AddressPool[];
}

/** What all verbs share. The maps are the store's content; a verb changes both. */
export interface NetworksContext {
  readonly options: NetworkOptions;
  readonly repository: NetworkRepository;
  readonly firewall: Firewall;
  readonly log: Logger;
  readonly emit: EmitEvent;
  readonly ports: PortAllocator;
  readonly names: NameService;
  /** By id, in order of creation. */
  readonly networks: Map<string, Network>;
  /** By container id; one that is being made or undone is in here too, so that its addresses are not given out again. */
  readonly sandboxes: Map<string, Sandbox>;
  /** The host's interfaces, addresses and routes. */
  readonly routes: RouteSocket;
  /** Veth pairs whose namespace was let go. */
  readonly survivors: { watch(names: readonly string[]): void; sweep(): void };
  containers: ContainerDirectory | null;
}

/** What the firewall should let through for all networks and sandboxes. */
export function firewallState(ctx: NetworksContext, forwardingSwitchedOn: boolean): FirewallState {
  const bridges = [...ctx.networks.values()].filter(({ driver }) => driver === 'bridge');
  return {
    bridges: bridges.map((network) => ({
      name: network.bridgeName,
      subnets: network.ipam.config
        .filter((pool) => (versionOf(pool) === 4 ? network.enableIpv4 : network.enableIpv6))
        .map((pool) => subnetRules(network, pool)),
      icc: flag(network, NETWORK_OPTION.icc, true),
      internal: network.internal,
    })),
    ports: [...ctx.sandboxes.values()].flatMap(({ ports }) => portRules(ports)),
    forwardingSwitchedOn,
  };
}

function subnetRules(network: Network, pool: IpamPool): SubnetRules {
  const version = versionOf(pool);
  const mode = gatewayMode(network, version);
  const isTranslated = mode !== 'routed' && mode !== 'isolated' && flag(network, NETWORK_OPTION.masquerade, true);
  const hostAddress = network.options[version === 4 ? NETWORK_OPTION.hostIpv4 : NETWORK_OPTION.hostIpv6];
  return {
    block: pool.subnet,
    translation: isTranslated ? hostAddress || 'host' : null,
    unprotected: mode === 'nat-unprotected',
  };
}

/** Published ports as the firewall knows them. */
export function portRules(ports: readonly PortLease[]): FirewallState['ports'] {
  return ports
    .filter((lease) => lease.direct || (lease.hostPort !== 0 && isOneFamily(lease)))
    .map(({ proto, hostIp, hostPort, containerAddress, containerPort, direct }) => ({
      proto,
      hostIp: direct ? '' : hostIp,
      hostPort,
      containerAddress,
      containerPort,
    }));
}

const isOneFamily = ({ hostIp, containerAddress }: PortLease): boolean =>
  hostIp.includes(':') === containerAddress.includes(':');

/** The containers; calling this before `useContainers` is a mistake of the program. */
export function containersOf(ctx: NetworksContext): ContainerDirectory {
  if (!ctx.containers) throw internal('the networks do not know the containers yet');
  return ctx.containers;
}
