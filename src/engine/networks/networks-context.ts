import type { BridgeRules, Firewall, FirewallState, SubnetRules } from '../../host/firewall/firewall.js';
import type { LinkRemover } from '../../host/netlink/link-remover.js';
import type { RouteSocket } from '../../host/netlink/route-socket.js';
import type { PortRelays } from '../../host/relay/port-relays.js';
import { internal } from '../../shared/errors.js';
import type { KeyedLock } from '../../shared/keyed-lock.js';
import type { Logger } from '../../shared/logger.js';
import type { EmitEvent } from '../events/event.js';
import type { ContainerDirectory } from './container-directory.js';
import { type AddressPool, versionOf } from './ipam.js';
import type { NameService } from './name-service.js';
import { overlaps, parseCidr, type Cidr } from './cidr.js';
import type { IpamPool, Network, PortLease } from './model.js';
import { flag, gatewayMode, NETWORK_OPTION, trustedInterfaces } from './network-options.js';
import type { NetworkRepository } from './network-repository.js';
import type { PortAllocator } from './port-allocation.js';
import type { Sandboxes } from './sandboxes.js';
import type { ReservedNamespace } from './reserve-namespace.js';
import type { SpareNetns } from './spare-netns.js';

/** How the daemon is configured. */
export interface NetworkOptions {
  /** Where namespaces are kept, `<exec-root>/netns`. */
  netnsDir: string;
  /** `--bridge`: '' is docker0, made by us; `none` is no default bridge; else an existing bridge that is left as it is. */
  bridge: string;
  /** `--bip`, an address with its prefix length, or ''. */
  bip: string;
  /** `--bip6`, or ''. */
  bip6: string;
  /** `--fixed-cidr`, or ''. */
  fixedCidr: string;
  /** `--fixed-cidr-v6`, or ''. */
  fixedCidrV6: string;
  /** `--default-gateway`, or ''. */
  defaultGateway: string;
  /** `--default-gateway-v6`, or ''. */
  defaultGatewayV6: string;
  /** Whether the default bridge has IPv6. */
  ipv6: boolean;
  mtu: number;
  icc: boolean;
  ipMasq: boolean;
  ipForward: boolean;
  /** Whether forwarding that we switch on is confined to our bridges. */
  confineForwarding: boolean;
  /** `--ip`: where ports are published that name no address. */
  hostIp: string;
  /** Whether the relay serves ports that the kernel can't lead to their container. */
  userlandProxy: boolean;
  /** Empty: dockerd's defaults. */
  addressPools: AddressPool[];
  /** Options that networks get which do not say otherwise, by driver. */
  defaultNetworkOptions: Record<string, Record<string, string>>;
  /** Published ports are reached at the containers' own addresses too, from wherever. */
  allowDirectRouting: boolean;
  /** Packets with this mark pass into bridges: `0x1` or `0x1/0x3`, or ''. */
  acceptMark: string;
  /** Whether there are rules for IPv6. */
  ip6tables: boolean;
}

/** What all verbs share. The maps are the store's content; a verb changes both. */
export interface NetworksContext {
  readonly options: NetworkOptions;
  readonly repository: NetworkRepository;
  readonly firewall: Firewall;
  /** Ports of the host, and those that the kernel can't lead to their container; `settleRelays` makes changes take effect. */
  readonly relays: PortRelays;
  readonly log: Logger;
  readonly emit: EmitEvent;
  readonly ports: PortAllocator;
  readonly names: NameService;
  /** By id, in order of creation. */
  readonly networks: Map<string, Network>;
  /** Networks that are being removed, by id: found no more, but their names, interfaces and subnets are not free yet. */
  readonly leaving: Map<string, Network>;
  /** One that is being made or undone is in here too, so that its addresses are not given out again. */
  readonly sandboxes: Sandboxes;
  /** Whose turn it is to connect or disconnect, by container id. */
  readonly turns: KeyedLock;
  /** The host's interfaces, addresses and routes. */
  readonly routes: RouteSocket;
  readonly links: LinkRemover;
  readonly spareNetns: SpareNetns;
  /** Namespaces for containers that may be started in a moment, by container id. */
  readonly reserved: Map<string, ReservedNamespace>;
  /** Veth pairs whose namespace was let go. */
  readonly survivors: { watch(names: readonly string[]): void; sweep(): Promise<void> };
  containers: ContainerDirectory | null;
}

/** What the firewall should let through for all networks and sandboxes. */
export function firewallState(ctx: NetworksContext, forwardingSwitchedOn: boolean): FirewallState {
  const bridges = [...ctx.networks.values()].filter(({ driver }) => driver === 'bridge');
  return {
    bridges: withoutOverlaps(bridges.map((network) => bridgeRules(ctx, network))),
    ports: [...ctx.sandboxes.values()].flatMap(({ ports }) => portRules(ports)),
    forwardingSwitchedOn,
    acceptMark: ctx.options.acceptMark,
    ignoresIpv6: !ctx.options.ip6tables,
  };
}

/** What the firewall should know of a bridge network. */
export function bridgeRules({ options }: Pick<NetworksContext, 'options'>, network: Network): BridgeRules {
  return {
    name: network.bridgeName,
    subnets: network.ipam.config
      .filter((pool) => (versionOf(pool) === 4 ? network.enableIpv4 : network.enableIpv6 && options.ip6tables))
      .map((pool) => subnetRules(network, pool)),
    icc: flag(network, NETWORK_OPTION.icc, true),
    internal: network.internal,
    trusted: trustedInterfaces(network),
  };
}

/** A new `--bip` may lie in another network's subnet; an address has to belong to one of them, and the first network has it. */
function withoutOverlaps(bridges: readonly BridgeRules[]): BridgeRules[] {
  const taken: Cidr[] = [];
  return bridges.map((bridge) => ({
    ...bridge,
    subnets: bridge.subnets.filter(({ block }) => {
      const parsed = parseCidr(block);
      if (!parsed || taken.some((other) => overlaps(parsed, other))) return false;
      return taken.push(parsed);
    }),
  }));
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
  const ruled = ports.filter(
    (lease) => !lease.isServed && (lease.direct || (lease.hostPort !== 0 && isOneFamily(lease))),
  );
  const published = ruled.map(({ proto, hostIp, hostPort, containerAddress, containerPort, direct }) => ({
    proto,
    hostIp: direct ? '' : hostIp,
    hostPort,
    containerAddress,
    containerPort,
  }));
  return [...published, ...directRules(ruled)];
}

/** Ports that are reached at the containers' own addresses too; one that is published twice is there once. */
function directRules(ports: readonly PortLease[]): FirewallState['ports'] {
  const direct = ports.filter((lease) => lease.directFor && !lease.direct);
  const rules = direct.map(({ proto, containerAddress, containerPort, directFor }) => {
    const rule = { proto, hostIp: '', hostPort: 0, containerAddress, containerPort };
    const key = `${proto} ${containerAddress} ${containerPort}`;
    return [key, directFor === 'trusted' ? { ...rule, trustedOnly: true } : rule] as const;
  });
  return [...new Map(rules).values()];
}

const isOneFamily = ({ hostIp, containerAddress }: PortLease): boolean =>
  hostIp.includes(':') === containerAddress.includes(':');

/** The containers; calling this before `useContainers` is a mistake of the program. */
export function containersOf(ctx: NetworksContext): ContainerDirectory {
  if (!ctx.containers) throw internal('the networks do not know the containers yet');
  return ctx.containers;
}
