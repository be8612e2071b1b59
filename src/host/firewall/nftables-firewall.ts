import type { Logger } from '../../shared/logger.js';
import { KeyedLock } from '../../shared/keyed-lock.js';
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/netlink-socket.js';
import type { Firewall, FirewallState, PortRule } from './firewall.js';
import { closeIptablesForward, openIptablesForward } from './iptables-forward.js';
import { forgetUdpFlows } from './conntrack.js';
import { changeElements, type ElementChange } from './nftables-elements.js';
import { mapOf, renderRuleset, renderTeardown, TABLE } from './nftables-ruleset.js';
import { runCommand } from './run-command.js';

const keyOf = (port: PortRule): string => `${mapOf(port)} ${port.hostIp} ${port.proto} ${port.hostPort}`;

/**
 * The firewall as one nftables table, `inet wharfd`. Bridges change rarely and go through nft(8); ports come and go with
 * containers and are changed in process, with nft as the way out when the kernel refuses.
 */
export class NftablesFirewall implements Firewall, Disposable {
  readonly backend = 'nftables';
  private bridges: FirewallState['bridges'] = [];
  private readonly ports = new Map<string, PortRule>();
  private readonly turn = new KeyedLock();
  private socket: NetlinkSocket | null = null;

  constructor(private readonly log: Logger) {}

  async sync(state: FirewallState): Promise<void> {
    using _ = await this.turn.acquire(TABLE);
    this.bridges = state.bridges;
    this.ports.clear();
    for (const port of state.ports) this.ports.set(keyOf(port), port);
    await this.render(state.forwardingSwitchedOn);
    await openIptablesForward(
      this.bridges.map(({ name }) => name),
      this.log,
    );
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
    await runCommand('nft', ['-f', '-'], renderTeardown());
    await closeIptablesForward();
  }

  [Symbol.dispose](): void {
    this.socket?.[Symbol.dispose]();
    this.socket = null;
  }

  /** In process where the kernel agrees; else everything is written again, which also mends a table that somebody flushed. */
  private async change(changes: ElementChange[]): Promise<void> {
    this.socket ??= NetlinkSocket.open(NETLINK_NETFILTER);
    const err = changeElements(this.socket, changes);
    if (err) {
      this.log.warn({ err }, 'the firewall was not as it was left; writing it again');
      await this.render(false);
    }
    const udpPorts = new Set(changes.filter(({ port }) => port.proto === 'udp').map(({ port }) => port.hostPort));
    for (const port of udpPorts) this.forgetFlows(this.socket, port);
  }

  /** The port works without it for all but those who were sending already, so a kernel that can't do it fails nothing. */
  private forgetFlows(socket: NetlinkSocket, port: number): void {
    try {
      forgetUdpFlows(socket, port);
    } catch (err) {
      this.log.debug({ err, port }, 'the kernel keeps udp flows to a port whose way has changed');
    }
  }

  private async render(forwardingSwitchedOn: boolean): Promise<void> {
    const state = { bridges: this.bridges, ports: [...this.ports.values()], forwardingSwitchedOn };
    await runCommand('nft', ['-f', '-'], renderRuleset(state));
  }
}
