import type { Logger } from '../../shared/logger.js';
import { KeyedLock } from '../../shared/keyed-lock.js';
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/netlink-socket.js';
import { bridgeMembers } from './bridge-members.js';
import { encodeMember, encodePort } from './element-encoding.js';
import type { BridgeRules, Firewall, FirewallExceptions, FirewallState, PortRule } from './firewall.js';
import { closeIptablesForward, legacyFingerprint, openIptablesForward } from './iptables-forward.js';
import { forgetUdpFlows } from './conntrack.js';
import { changeElements, type ElementChange } from './nftables-elements.js';
import {
  ADMIN_CHAIN,
  ALL_SETS,
  GUARD_CHAIN,
  isDirect,
  mapOf,
  renderRuleset,
  renderTeardown,
  TABLE,
} from './nftables-ruleset.js';
import { elementCount, generation, rulesOf } from './nftables-state.js';
import { runCommand } from './run-command.js';

const keyOf = (port: PortRule): string =>
  isDirect(port)
    ? `${mapOf(port)} ${port.containerAddress} ${port.proto} ${port.containerPort}`
    : `${mapOf(port)} ${port.hostIp} ${port.proto} ${port.hostPort}`;

/** How often it is looked whether somebody else has changed the kernel's rules. */
const WATCH_EVERY_MS = 2000;
/** The host's FORWARD chain is looked at after others' changes, but no more often than this, since it takes several programs. */
const FORWARD_EVERY_MS = 5000;

/**
 * The firewall as one nftables table, `inet wharfd`. The rules are written by nft(8), once; bridges and ports are elements, which are
 * changed in process, with nft as the way out when the kernel refuses.
 */
export class NftablesFirewall implements Firewall, Disposable {
  readonly backend = 'nftables';
  /** By name. */
  private readonly bridges = new Map<string, BridgeRules>();
  private readonly ports = new Map<string, PortRule>();
  private readonly turn = new KeyedLock();
  private opened: NetlinkSocket | null = null;
  /** The host is no router for others; see FirewallState. */
  private confined = false;
  private exceptions: FirewallExceptions = {};
  /** The kernel's count of changes after our last one, and what our rules looked like then. */
  private seen: { generation: number; rules: Map<string, string> } | null = null;
  /** What nft(8) has written last, and the kernel's count of changes then. */
  private written: { text: string; generation: number } | null = null;
  /** What the host's legacy iptables looked like when we left them. */
  private legacySeen = '';
  /** The host's FORWARD chain may have changed since we looked. */
  private hasForwardChanged = false;
  private forwardLookedAtMs = 0;
  private watching: NodeJS.Timeout | null = null;

  constructor(private readonly log: Logger) {}

  async sync(state: FirewallState): Promise<void> {
    using _ = await this.turn.acquire(TABLE);
    this.bridges.clear();
    for (const bridge of state.bridges) this.bridges.set(bridge.name, bridge);
    this.ports.clear();
    for (const port of state.ports) this.ports.set(keyOf(port), port);
    this.confined ||= state.forwardingSwitchedOn || rulesOf(this.socket, TABLE).has(GUARD_CHAIN);
    const { acceptMark, ignoresIpv6 } = state;
    this.exceptions = { acceptMark, ignoresIpv6 };
    if (!this.isWritten()) await this.render();
    await this.openForward();
  }

  /** From the first `sync` on, rules that somebody else has removed are put back within seconds, until disposed of. */
  watch(): void {
    this.watching ??= setInterval(() => {
      this.repair().catch((err: unknown) => this.log.error({ err }, 'the firewall could not be put back'));
    }, WATCH_EVERY_MS).unref();
  }

  /** Puts back what somebody else has removed. Costs a few questions to the kernel as long as nobody has changed anything. */
  async repair(): Promise<void> {
    if (this.seen && legacyFingerprint() !== this.legacySeen) this.hasForwardChanged = true;
    if (!this.seen || (generation(this.socket) === this.seen.generation && !this.isForwardDue)) return;
    using _ = await this.turn.acquire(TABLE);
    const now = generation(this.socket);
    if (this.seen && now !== this.seen.generation) {
      this.hasForwardChanged = true;
      if (this.isWhole()) this.seen.generation = now;
      else {
        this.log.warn('somebody has changed the firewall; writing it again');
        await this.render();
      }
    }
    if (this.isForwardDue) await this.openForward();
  }

  async addBridge(bridge: BridgeRules): Promise<void> {
    using _ = await this.turn.acquire(TABLE);
    const former = this.bridges.get(bridge.name);
    this.bridges.set(bridge.name, bridge);
    try {
      await this.change([...(former ? bridgeChanges('remove', former) : []), ...bridgeChanges('add', bridge)]);
    } catch (error) {
      putBack(this.bridges, bridge.name, former);
      throw error;
    }
    await this.openForward();
  }

  async removeBridge(name: string): Promise<void> {
    using _ = await this.turn.acquire(TABLE);
    const former = this.bridges.get(name);
    if (!former) return;
    this.bridges.delete(name);
    await this.change(bridgeChanges('remove', former));
    await this.openForward();
  }

  async publish(ports: readonly PortRule[]): Promise<void> {
    if (ports.length === 0) return;
    using _ = await this.turn.acquire(TABLE);
    const before = new Map(ports.map((port) => [keyOf(port), this.ports.get(keyOf(port))]));
    const former = [...before.values()].filter((port) => port !== undefined);
    for (const port of ports) this.ports.set(keyOf(port), port);
    try {
      await this.changePorts([...portChanges('remove', former), ...portChanges('add', ports)], ports);
    } catch (error) {
      for (const [key, port] of before) putBack(this.ports, key, port);
      throw error;
    }
  }

  async unpublish(ports: readonly PortRule[]): Promise<void> {
    using _ = await this.turn.acquire(TABLE);
    const present = ports.filter((port) => leadsTo(this.ports.get(keyOf(port)), port));
    for (const port of present) this.ports.delete(keyOf(port));
    if (present.length > 0) await this.changePorts(portChanges('remove', present), present);
  }

  async isIntact(): Promise<boolean> {
    return runCommand('nft', ['list', 'chain', 'inet', TABLE, 'publish']).then(
      (text) => text.includes('dnat'),
      () => false,
    );
  }

  async teardown(): Promise<void> {
    using _ = await this.turn.acquire(TABLE);
    this.bridges.clear();
    this.ports.clear();
    this.confined = false;
    this.seen = null;
    await runCommand('nft', ['-f', '-'], renderTeardown());
    await closeIptablesForward();
  }

  [Symbol.dispose](): void {
    if (this.watching) clearInterval(this.watching);
    this.opened?.[Symbol.dispose]();
    this.opened = null;
    this.seen = null;
  }

  private get isForwardDue(): boolean {
    return this.hasForwardChanged && performance.now() - this.forwardLookedAtMs > FORWARD_EVERY_MS;
  }

  private get socket(): NetlinkSocket {
    return (this.opened ??= NetlinkSocket.open(NETLINK_NETFILTER));
  }

  /** In process where the kernel agrees; else everything is written again, which also mends a table that somebody flushed. */
  private async change(changes: ElementChange[]): Promise<void> {
    const { socket } = this;
    const isUndisturbed = this.seen?.generation === generation(socket);
    const err = changeElements(socket, changes);
    if (err) {
      this.log.warn({ err }, 'the firewall was not as it was left; writing it again');
      await this.render();
    } else if (this.seen && isUndisturbed) {
      // Were somebody quicker than this line, the next look would miss it; the count says so.
      const now = generation(socket);
      if (now === this.seen.generation + 1) this.seen.generation = now;
    }
  }

  private async changePorts(changes: ElementChange[], ports: readonly PortRule[]): Promise<void> {
    await this.change(changes);
    const udpPorts = new Set(ports.filter(({ proto }) => proto === 'udp').map(({ hostPort }) => hostPort));
    for (const port of udpPorts) this.forgetFlows(this.socket, port);
  }

  private isWhole(): boolean {
    const { socket, seen } = this;
    const rules = ownRules(socket);
    if (rules.size !== seen?.rules.size) return false;
    for (const [chain, hash] of rules) if (seen.rules.get(chain) !== hash) return false;
    const expected = new Map(ALL_SETS.map((set) => [set, 0]));
    const count = (set: string): void => void expected.set(set, (expected.get(set) ?? 0) + 1);
    for (const bridge of this.bridges.values()) for (const { set } of bridgeMembers(bridge)) count(set);
    for (const port of this.ports.values()) count(mapOf(port));
    return [...expected].every(([set, wanted]) => elementCount(socket, TABLE, set) === wanted);
  }

  /** The port works without it for all but those who were sending already, so a kernel that can't do it fails nothing. */
  private forgetFlows(socket: NetlinkSocket, port: number): void {
    try {
      forgetUdpFlows(socket, port);
    } catch (err) {
      this.log.debug({ err, port }, 'the kernel keeps udp flows to a port whose way has changed');
    }
  }

  /** Whether nothing is to be written: neither we nor anybody else has changed a rule since the same was. */
  private isWritten(): boolean {
    const { written } = this;
    // Before the first time the kernel is not asked: one without nftables answers with an error that says less than nft's.
    return written !== null && written.generation === generation(this.socket) && written.text === this.ruleset();
  }

  private async render(): Promise<void> {
    const text = this.ruleset();
    await runCommand('nft', ['-f', '-'], text);
    this.seen = { generation: generation(this.socket), rules: ownRules(this.socket) };
    this.written = { text, generation: this.seen.generation };
  }

  private ruleset(): string {
    const [bridges, ports] = [[...this.bridges.values()], [...this.ports.values()]];
    return renderRuleset({ ...this.exceptions, bridges, ports, forwardingSwitchedOn: this.confined });
  }

  private async openForward(): Promise<void> {
    const hasChanged = await openIptablesForward(this.socket, [...this.bridges.keys()], this.log);
    this.hasForwardChanged = false;
    this.legacySeen = legacyFingerprint();
    this.forwardLookedAtMs = performance.now();
    if (hasChanged && this.seen && this.isWhole()) this.seen.generation = generation(this.socket);
  }
}

function bridgeChanges(action: ElementChange['action'], bridge: BridgeRules): ElementChange[] {
  return bridgeMembers(bridge).map((member) => ({
    action,
    element: encodeMember(member),
    what: `${bridge.name} in ${member.set}`,
  }));
}

function portChanges(action: ElementChange['action'], ports: readonly PortRule[]): ElementChange[] {
  return ports.map((port) => ({
    action,
    element: encodePort(port),
    what: `${port.hostIp}:${port.hostPort}/${port.proto}`,
  }));
}

const leadsTo = (there: PortRule | undefined, { containerAddress, containerPort }: PortRule): boolean =>
  there?.containerAddress === containerAddress && there.containerPort === containerPort;

function putBack<T>(map: Map<string, T>, key: string, former: T | undefined): void {
  if (former === undefined) map.delete(key);
  else map.set(key, former);
}

/** All but the administrator's. */
function ownRules(socket: NetlinkSocket): Map<string, string> {
  const rules = rulesOf(socket, TABLE);
  rules.delete(ADMIN_CHAIN);
  return rules;
}
