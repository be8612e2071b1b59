import type { Firewall, FirewallState } from '../../host/firewall/firewall.js';
import type { RouteSocket } from '../../host/netlink/route-socket.js';
import { internal } from '../../shared/errors.js';
import type { Logger } from '../../shared/logger.js';
import type { EmitEvent } from '../events/event.js';
import type { ContainerDirectory } from './container-directory.js';
import type { AddressPool } from './ipam.js';
import type { NameService } from './name-service.js';
import type { Network, PortLease, Sandbox } from './model.js';
import { flag, NETWORK_OPTION } from './network-options.js';
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
      subnets: network.ipam.config.map(({ subnet }) => subnet),
      masquerade: flag(network, NETWORK_OPTION.masquerade, true),
      icc: flag(network, NETWORK_OPTION.icc, true),
      internal: network.internal,
    })),
    ports: [...ctx.sandboxes.values()].flatMap(({ ports }) => portRules(ports)),
    forwardingSwitchedOn,
  };
}

/** Published ports as the firewall knows them. */
export function portRules(ports: readonly PortLease[]): FirewallState['ports'] {
  return ports
    .filter(({ hostPort }) => hostPort !== 0)
    .map(({ proto, hostIp, hostPort, containerAddress, containerPort }) => ({
      proto,
      hostIp,
      hostPort,
      containerAddress,
      containerPort,
    }));
}

/** The containers; calling this before `useContainers` is a mistake of the program. */
export function containersOf(ctx: NetworksContext): ContainerDirectory {
  if (!ctx.containers) throw internal('the networks do not know the containers yet');
  return ctx.containers;
}
