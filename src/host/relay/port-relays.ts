import { closeSync } from 'node:fs';
import { errorKind, hasCode, internal } from '../../shared/errors.js';
import { KeyedLock } from '../../shared/keyed-lock.js';
import type { Logger } from '../../shared/logger.js';
import { openBoundPort } from '../sys/socket.js';
import { runBriefly } from '../sys/spawn.js';
import { RelayConnection } from './relay-connection.js';

/** Where a relayed port leads to. */
export interface RelayTarget {
  address: string;
  port: number;
}

/** A port of the host. */
export interface RelayPort {
  proto: 'tcp' | 'udp' | 'sctp';
  /** `0.0.0.0`, `::`, or one of the host's addresses. */
  hostIp: string;
  port: number;
}

export interface PortRelaysOptions {
  /** wharf-shim, which is the relay too. */
  binary: string;
  socketPath: string;
  /** What the relay complains of. */
  logPath: string;
  log: Logger;
}

interface Entry extends RelayPort {
  target: RelayTarget | null;
  isWanted: boolean;
  /** Bound, and not yet with the relay. */
  fd: number | null;
  /** The relay has the socket, or may have it. */
  isSent: boolean;
  /** Where the relay leads it, as text; null: it does not know. */
  told: string | null;
  failure: Error | null;
}

const VERSION = 'relay 1';
const NOWHERE = '- 0';
/** The relay reads so many lines before it must have been heard. */
const AT_ONCE = 32;
const REVIVE_AFTER_MS = 1000;

const keyOf = ({ proto, hostIp, port }: RelayPort): string => `${proto}/${hostIp}/${port}`;
const textOf = (target: RelayTarget | null): string => (target ? `${target.address} ${target.port}` : NOWHERE);

/**
 * Ports of the host that are kept by a process, so that nobody else gets them, and passed on to a container where the kernel's address
 * translation can't lead there: callers of another family than the container's above all. The process is one for all ports. It is started with the first and belongs to no daemon: while
 * there is none it goes on, and the next finds it by its socket. Without ports it ends by itself.
 *
 * `reserve` binds at once and so tells conflicts; what it and its disposal have changed reaches the relay by `settle`.
 */
export class PortRelays {
  private readonly entries = new Map<string, Entry>();
  /** Entries of which the relay has not been told all. */
  private readonly changed = new Set<Entry>();
  private readonly turn = new KeyedLock();
  private connection: RelayConnection | null = null;
  /** What the relay keeps and nobody here wants is a former daemon's, and may be wanted yet. */
  private mayBeClaimed = true;
  private isClosed = false;

  constructor(private readonly options: PortRelaysOptions) {}

  /** Takes up what a former daemon left: its ports are kept for `reserve`, until `dropUnclaimed`. Without a relay it does nothing. */
  async open(): Promise<void> {
    using _ = await this.turn.acquire('relay');
    try {
      await this.find();
    } catch (err) {
      // Its ports are bound anew as far as they can be had.
      this.options.log.error({ err }, 'the relay of published ports does not answer; another one is started');
      this.lose();
    }
  }

  /** Gives up what a former daemon left and nobody reserved since; takes effect with `settle`. */
  dropUnclaimed(): void {
    this.mayBeClaimed = false;
    for (const entry of this.entries.values()) if (!entry.isWanted) this.changed.add(entry);
  }

  /**
   * Takes a port of the host; without a target nobody is heard there. Throws what binding throws. Disposing gives it back and cuts those who
   * use it, once settled.
   */
  reserve(port: RelayPort, target: RelayTarget | null): Disposable {
    const former = this.entries.get(keyOf(port));
    const entry = former ?? {
      ...port,
      target,
      isWanted: true,
      fd: openBoundPort(port.proto, port.hostIp, port.port, target !== null),
      isSent: false,
      told: null,
      failure: null,
    };
    // Given back a moment ago, or left by a former daemon: the socket is still there.
    Object.assign(entry, { target, isWanted: true, failure: null });
    this.entries.set(keyOf(port), entry);
    this.changed.add(entry);
    return { [Symbol.dispose]: () => this.release(entry) };
  }

  /** Tells the relay what has changed. Rejects when it can't be had, or does not take one of `ports`. */
  async settle(ports: readonly RelayPort[] = []): Promise<void> {
    using _ = await this.turn.acquire('relay');
    if (this.isClosed) return;
    try {
      await this.tellAll();
    } catch (error) {
      // It may have been about to end for want of ports; another one is started then.
      if (errorKind(error) !== 'unavailable' || this.isClosed) throw error;
      this.lose();
      await this.tellAll();
    }
    const failure = ports.map((port) => this.entries.get(keyOf(port))?.failure).find((one) => one);
    if (failure) throw failure;
  }

  /** Leaves the relay to the next daemon. */
  close(): void {
    this.isClosed = true;
    this.connection?.close();
    this.connection = null;
    for (const entry of this.entries.values()) closeLocal(entry);
  }

  private release(entry: Entry): void {
    if (this.isClosed || !entry.isWanted) return;
    entry.isWanted = false;
    this.changed.add(entry);
    if (!entry.isSent) this.forget(entry);
  }

  private forget(entry: Entry): void {
    closeLocal(entry);
    this.changed.delete(entry);
    if (this.entries.get(keyOf(entry)) === entry) this.entries.delete(keyOf(entry));
  }

  private async tellAll(): Promise<void> {
    if (![...this.changed].some(isDue)) return;
    const connection = this.connection ?? (await this.find()) ?? (await this.launch());
    const due = [...this.changed].filter(isDue);
    this.changed.clear();
    try {
      for (let first = 0; first < due.length; first += AT_ONCE) {
        await Promise.all(due.slice(first, first + AT_ONCE).map((entry) => this.tell(connection, entry)));
      }
    } catch (error) {
      for (const entry of due) if (this.entries.get(keyOf(entry)) === entry) this.changed.add(entry);
      throw error;
    }
  }

  private async tell(connection: RelayConnection, entry: Entry): Promise<void> {
    const [key, target] = [keyOf(entry), textOf(entry.target)];
    if (!entry.isWanted) return this.drop(connection, entry);
    try {
      if (entry.told === null) await this.add(connection, entry, `add ${key} ${entry.proto} ${target}`);
      else if (entry.told !== target) await connection.request(`lead ${key} ${target}`);
      entry.told = target;
    } catch (error) {
      if (errorKind(error) === 'unavailable') throw error;
      entry.failure = error instanceof Error ? error : internal(String(error));
      this.options.log.error({ err: error, port: key }, 'a published port is not relayed');
    }
  }

  /** Somebody may reserve the port meanwhile, while it can't be bound yet: it is given to the relay anew then, by their `settle`. */
  private async drop(connection: RelayConnection, entry: Entry): Promise<void> {
    if (entry.isSent) await connection.request(`drop ${keyOf(entry)}`);
    if (entry.isWanted) Object.assign(entry, { isSent: false, told: null });
    else this.forget(entry);
  }

  /** After the relay was lost, or has dropped it, the socket is to be bound again. */
  private async add(connection: RelayConnection, entry: Entry, line: string): Promise<void> {
    entry.fd ??= openBoundPort(entry.proto, entry.hostIp, entry.port, entry.target !== null);
    entry.isSent = true;
    await connection.request(line, entry.fd);
    closeLocal(entry);
  }

  /** The relay that is there; null: there is none. One that speaks otherwise is ended. */
  private async find(): Promise<RelayConnection | null> {
    let connection;
    try {
      connection = await RelayConnection.connect(this.options.socketPath);
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ECONNREFUSED')) return null;
      throw error;
    }
    if ((await connection.hello()) !== VERSION) {
      await connection.quit();
      return null;
    }
    for (const { key, address, port } of await connection.list()) {
      this.learn(key, address === '-' ? null : { address, port });
    }
    return this.use(connection);
  }

  private learn(key: string, target: RelayTarget | null): void {
    const [proto = '', hostIp = '', port = ''] = key.split('/');
    if (proto !== 'tcp' && proto !== 'udp' && proto !== 'sctp') return;
    const entry = this.entries.get(key) ?? {
      ...{ proto, hostIp, port: Number(port), target, isWanted: false, fd: null, isSent: true },
      ...{ told: null, failure: null },
    };
    Object.assign(entry, { isSent: true, told: textOf(target) });
    this.entries.set(key, entry);
    if (!entry.isWanted && !this.mayBeClaimed) this.changed.add(entry);
  }

  private async launch(): Promise<RelayConnection> {
    const { binary, socketPath, logPath } = this.options;
    const { exitCode, stderr } = await runBriefly(binary, ['relay', '--socket', socketPath, '--log', logPath]);
    if (exitCode !== 0) throw internal(stderr.trim() || `the relay of published ports ended with ${exitCode}`);
    return this.use(await RelayConnection.connect(socketPath));
  }

  private use(connection: RelayConnection): RelayConnection {
    this.connection = connection;
    void connection.ended.then(() => {
      if (this.connection === connection) this.lose();
    });
    return connection;
  }

  /** The relay is gone, and its sockets with it. Where there were any, another one is started. */
  private lose(): void {
    this.connection?.close();
    this.connection = null;
    if (this.isClosed) return;
    for (const entry of [...this.entries.values()]) {
      Object.assign(entry, { isSent: false, told: null });
      if (entry.isWanted) this.changed.add(entry);
      else this.forget(entry);
    }
    if (this.entries.size > 0) this.revive();
  }

  private revive(): void {
    setTimeout(() => {
      this.settle().catch((err: unknown) => this.options.log.error({ err }, 'published ports are not relayed'));
    }, REVIVE_AFTER_MS).unref();
  }
}

const isDue = ({ isWanted, told, target }: Entry): boolean => !isWanted || told !== textOf(target);

function closeLocal(entry: Entry): void {
  if (entry.fd !== null) closeSync(entry.fd);
  entry.fd = null;
}
