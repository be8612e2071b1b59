/** A subnet of a bridge. */
export interface SubnetRules {
  /** In CIDR form. */
  block: string;
  /** The address that what leaves for elsewhere takes: `host` (that of the way out), a certain one, or none, its own. */
  translation: string | null;
  /** Its containers are reached directly at all their ports, not only at those that are published. */
  unprotected: boolean;
}

/** A bridge whose traffic the firewall looks after. */
export interface BridgeRules {
  /** The interface. */
  name: string;
  subnets: SubnetRules[];
  /** Whether its containers may talk to each other at will. */
  icc: boolean;
  /** Nothing from it goes further than the bridge. */
  internal: boolean;
  /** Interfaces of the host from which ports for trusted callers are reached. */
  trusted?: string[];
}

/** A port of the host that leads to a container. */
export interface PortRule {
  proto: 'tcp' | 'udp' | 'sctp';
  /**
   * A host's address, or `0.0.0.0` or `::` for all of that family. Family and containerAddress's agree. '' : the port is reached
   * at the container's own address, without translation, and `hostPort` is 0.
   */
  hostIp: string;
  hostPort: number;
  containerAddress: string;
  containerPort: number;
  /** A port without translation that only those are led to who come by an interface that the bridge trusts. */
  trustedOnly?: boolean;
}

/** What passes whatever the rules say. */
export interface FirewallExceptions {
  /** Packets with this mark pass into bridges: `0x1`, or with a mask `0x1/0x3`; '' : none do. */
  acceptMark?: string | undefined;
  /** IPv6 passes unfiltered; then no bridge or port of that family may be told. */
  ignoresIpv6?: boolean | undefined;
}

export interface FirewallState extends FirewallExceptions {
  bridges: BridgeRules[];
  ports: PortRule[];
  /**
   * The daemon turned forwarding on, so the host must not become a router for anybody else: what neither comes from nor goes
   * to one of our bridges is dropped from now on, until teardown. False leaves that as it is.
   */
  forwardingSwitchedOn: boolean;
}

/**
 * What containers reach and from where they are reached.
 *
 * The promise: a published port is reachable at its host address, from other hosts, from this one (127.0.0.1 too where the
 * address covers it) and from containers, its own included (with br_netfilter that takes a hairpin port). A container's other ports are not reachable from outside the
 * host even by those who route to the bridge's subnet, nor from other bridges; a port published on 127.0.0.1 is not
 * reachable from neighbours. Containers on one bridge reach each other when `icc`. What the administrator puts in the chain
 * for it (`wharf-user` with nftables) comes before all that and is never touched, except by teardown.
 *
 * Calls may be made at any time; they take effect one after another, each as a whole or not at all. The firewall remembers
 * the state, so when somebody flushed the rules, the next call puts everything back. It outlives the daemon: after a start,
 * `sync` replaces what a former daemon left without a moment in which a published port does not answer.
 */
export interface Firewall {
  readonly backend: 'nftables' | 'none';
  /** Makes the rules what the state says, whatever is there. */
  sync(state: FirewallState): Promise<void>;
  /** Adds a bridge. One of that name that is there already is replaced. Costs the same however many there are. */
  addBridge(bridge: BridgeRules): Promise<void>;
  /** Removes a bridge; one that is not there is fine. Costs the same however many there are. */
  removeBridge(name: string): Promise<void>;
  /** Adds ports, all or none. A port that is there already is replaced. */
  publish(ports: readonly PortRule[]): Promise<void>;
  /** Removes ports; ports that are not there, or lead somewhere else by now, are fine. */
  unpublish(ports: readonly PortRule[]): Promise<void>;
  /** Whether the rules are there; false after somebody flushed them. Then call `sync`. */
  isIntact(): Promise<boolean>;
  /** Removes everything. Calling it twice is fine. */
  teardown(): Promise<void>;
}
