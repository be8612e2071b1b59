import type { Logger } from '../../shared/logger.js';
import { KeyedLock } from '../../shared/keyed-lock.js';
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/netlink-socket.js';
import type { Firewall, FirewallState, PortRule } from './firewall.js';
import { closeIptablesForward, openIptablesForward } from './iptables-forward.js';
import { forgetUdpFlows } from './conntrack.js';
import { changeElements, type ElementChange } from './nftables-elements.js';
import { ADMIN_CHAIN, GUARD_CHAIN, isDirect, mapOf, renderRuleset, renderTeardown, TABLE } from './nftables-ruleset.js';
import { elementCount, generation, rulesOf } from './nftables-state.js';
import { runCommand } from './run-command.js';

const keyOf = (port: PortRule): string =>
  isDirect(port)
    ? `${mapOf(port)} ${port.containerAddress} ${port.proto} ${port.containerPort}`
    : `${mapOf(port)} ${port.hostIp} ${port.proto} ${port.hostPort}`;

/** How often it is looked whether somebody else has changed the kernel's rules. */
const WATCH_EVERY_MS = 2000;
/** The host's FORWARD chain is looked at after others' changes, but no more often than this, since it takes several programs. */
const FORWARD_EVERY_MS = 10_000;

/**
 * The firewall as one nftables table, `inet wharfd`. Bridges change rarely and go through nft(8); ports come and go with
 * containers and are changed in process, with nft as the way out when the kernel refuses.
 */
export class NftablesFirewall implements Firewall, Disposable {
  readonly backend = 'nftables';
  private bridges: FirewallState['bridges'] = [];
  private readonly ports = new Map<string, PortRule>();
  private readonly turn = new KeyedLock();
  private opened: NetlinkSocket | null = null;
  /** The host is no router for others; see FirewallState. */
  private confined = false;
  /** The kernel's count of changes after our last one, and what our rules looked like then. */
  private seen: { generation: number; rules: Map<string, string> } | null = null;
  private forwardLookedAtMs = 0;
  private watching: NodeJS.Timeout | null = null;

  constructor(private readonly log: Logger) {}

  async sync(state: FirewallState): Promise<void> {
    using _ = await this.turn.acquire(TABLE);
    this.bridges = state.bridges;
    this.ports.clear();
    for (const port of state.ports) this.ports.set(keyOf(port), port);
    this.confined ||= state.forwardingSwitchedOn || rulesOf(this.socket, TABLE).has(GUARD_CHAIN);
    await this.render();
    await this.openForward();
  }

  /** From the first `sync` on, rules that somebody else has removed are put back within seconds, until disposed of. */
  watch(): void {
    this.watching ??= setInterval(() => {
      this.repair().catch((err: unknown) => this.log.error({ err }, 'the firewall could not be put back'));
    }, WATCH_EVERY_MS).unref();
  }

  /** Puts back what somebody else has removed. Costs one question to the kernel as long as nobody has changed anything. */
  async repair(): Promise<void> {
    if (!this.seen || generation(this.socket) === this.seen.generation) return;
    using _ = await this.turn.acquire(TABLE);
    const now = generation(this.socket);
    if (!this.seen || now === this.seen.generation) return;
    if (this.isWhole()) this.seen.generation = now;
    else {
      this.log.warn('somebody has changed the firewall; writing it again');
      await this.render();
    }
    if (performance.now() - this.forwardLookedAtMs > FORWARD_EVERY_MS) await this.openForward();
  }

  async publish(ports: readonly PortRule[]): Promise<void> {
    if (ports.length === 0) return;
    using _ = await this.turn.acquire(TABLE);
    const changes = ports.flatMap((port): ElementChange[] => {
      const former = this.ports.get(keyOf(port));
      const add: ElementChange = { action: 'add', port };
      return former ? [{ action: 'remove', port: former }, add] : [add];
    });
    const before = new Map(this.ports);
    for (const port of ports) this.ports.set(keyOf(port), port);
    try {
      await this.change(changes);
    } catch (error) {
      this.ports.clear();
      for (const [key, port] of before) this.ports.set(key, port);
      throw error;
    }
  }

  async unpublish(ports: readonly PortRule[]): Promise<void> {
    using _ = await this.turn.acquire(TABLE);
    const present = ports.filter((port) => this.ports.delete(keyOf(port)));
    if (present.length > 0) await this.change(present.map((port) => ({ action: 'remove', port })));
  }

  async isIntact(): Promise<boolean> {
    return runCommand('nft', ['list', 'chain', 'inet', TABLE, 'publish']).then(
      (text) => text.includes('dnat'),
      () => false,
    );
  }

  async teardown(): Promise<void> {
    using _ = await this.turn.acquire(TABLE);
    this.bridges = [];
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
    const udpPorts = new Set(changes.filter(({ port }) => port.proto === 'udp').map(({ port }) => port.hostPort));
    for (const port of udpPorts) this.forgetFlows(socket, port);
  }

  private isWhole(): boolean {
    const { socket, seen } = this;
    const rules = ownRules(socket);
    if (rules.size !== seen?.rules.size) return false;
    for (const [chain, hash] of rules) if (seen.rules.get(chain) !== hash) return false;
    const expected = new Map<string, number>([['bridges', this.bridges.length]]);
    for (const port of this.ports.values()) expected.set(mapOf(port), (expected.get(mapOf(port)) ?? 0) + 1);
    return [...expected].every(([set, count]) => elementCount(socket, TABLE, set) === count);
  }

  /** The port works without it for all but those who were sending already, so a kernel that can't do it fails nothing. */
  private forgetFlows(socket: NetlinkSocket, port: number): void {
    try {
      forgetUdpFlows(socket, port);
    } catch (err) {
      this.log.debug({ err, port }, 'the kernel keeps udp flows to a port whose way has changed');
    }
  }

  private async render(): Promise<void> {
    const state = { bridges: this.bridges, ports: [...this.ports.values()], forwardingSwitchedOn: this.confined };
    await runCommand('nft', ['-f', '-'], renderRuleset(state));
    this.seen = { generation: generation(this.socket), rules: ownRules(this.socket) };
  }

  private async openForward(): Promise<void> {
    await openIptablesForward(
      this.bridges.map(({ name }) => name),
      this.log,
    );
    this.forwardLookedAtMs = performance.now();
    // What was changed there may have been ours.
    if (this.seen && this.isWhole()) this.seen.generation = generation(this.socket);
  }
}

/** All but the administrator's. */
function ownRules(socket: NetlinkSocket): Map<string, string> {
  const rules = rulesOf(socket, TABLE);
  rules.delete(ADMIN_CHAIN);
  return rules;
}
