import { errorKind, internal } from '../../shared/errors.js';
import { KeyedLock } from '../../shared/keyed-lock.js';
import { openBoundPort } from '../sys/socket.js';
import { closeLocal, isDue, keyOf, type PortEntry, type RelayPort, type RelayTarget, textOf } from './port-entry.js';
import { launchRelay, reachRelay, type RelayPlace } from './reach-relay.js';
import { inBatches, type RelayConnection } from './relay-connection.js';
import { RetiredRelays } from './retired-relays.js';

/** What the relay does not have is tried again after so long, and then ever less often. */
const RETRY_AFTER_MS = 1000;
const RETRY_SELDOM_MS = 30_000;

/**
 * Ports of the host that are kept by a process, so that nobody else gets them, and passed on to a container where the kernel's address
 * translation can't lead there: callers of another family than the container's above all. The process is one for all ports. It is started
 * with the first and belongs to no daemon: while there is none it goes on, and the next finds it by its socket, or puts one of its own version
 * in its place. Without ports it ends by itself.
 *
 * `reserve` binds at once and so tells conflicts; what it and its disposal have changed reaches the relay by `settle`.
 */
export class PortRelays {
  private readonly entries = new Map<string, PortEntry>();
  /** Entries of which the relay has not been told all. */
  private readonly changed = new Set<PortEntry>();
  private readonly turn = new KeyedLock();
  private connection: RelayConnection | null = null;
  /** What the relay keeps and nobody here wants is a former daemon's, and may be wanted yet. */
  private mayBeClaimed = true;
  private isClosed = false;
  private readonly retired: RetiredRelays;
  private retry: NodeJS.Timeout | null = null;
  private retryAfterMs = RETRY_AFTER_MS;

  constructor(private readonly place: RelayPlace) {
    this.retired = new RetiredRelays(place.socketPath, place.log);
  }

  /** Takes up what a former daemon left: its ports are kept for `reserve`, until `dropUnclaimed`. Without a relay it does nothing. */
  async open(): Promise<void> {
    using _ = await this.turn.acquire('relay');
    try {
      await this.find();
    } catch (err) {
      // Its ports are bound anew as far as they can be had.
      this.place.log.error({ err }, 'the relay of published ports does not answer; another one is started');
      this.lose();
    }
    if (!this.connection) await this.retired.open(false);
  }

  /** Gives up what a former daemon left and nobody reserved since; takes effect with `settle`. */
  dropUnclaimed(): void {
    this.mayBeClaimed = false;
    for (const entry of this.entries.values()) if (!entry.isWanted) this.changed.add(entry);
    this.cutStrays();
  }

  /**
   * Takes a port of the host; without a target nobody is heard there. Throws what binding throws; `later`: it is bound by `settle`, and when
   * somebody else has it, again and again until it can be. Disposing gives it back and cuts those who use it, once settled.
   */
  reserve(port: RelayPort, target: RelayTarget | null, later = false): Disposable {
    const former = this.entries.get(keyOf(port));
    const entry = former ?? {
      ...port,
      target,
      isWanted: true,
      fd: later ? null : openBoundPort(port.proto, port.hostIp, port.port, target !== null),
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
    this.retired.close();
    if (this.retry) clearTimeout(this.retry);
    for (const entry of this.entries.values()) closeLocal(entry);
  }

  private release(entry: PortEntry): void {
    if (this.isClosed || !entry.isWanted) return;
    entry.isWanted = false;
    this.changed.add(entry);
    if (!entry.isSent) this.forget(entry);
  }

  private forget(entry: PortEntry): void {
    closeLocal(entry);
    this.changed.delete(entry);
    if (this.entries.get(keyOf(entry)) !== entry) return;
    this.entries.delete(keyOf(entry));
    this.retired.keepOnly(keyOf(entry), null);
  }

  /** Who uses a port by a former relay stays only where the port still leads there. */
  private cutStrays(): void {
    for (const key of this.retired.keys()) {
      const entry = this.entries.get(key);
      this.retired.keepOnly(key, entry?.isWanted ? textOf(entry.target) : null);
    }
  }

  private async tellAll(): Promise<void> {
    const hasDue = [...this.changed].some(isDue);
    const connection = hasDue
      ? (this.connection ?? (await this.find()) ?? this.use(await launchRelay(this.place)))
      : null;
    const due = [...this.changed].filter(isDue);
    for (const entry of due) this.retired.keepOnly(keyOf(entry), entry.isWanted ? textOf(entry.target) : null);
    // Now: what changes while somebody is waited for is due the next time.
    if (connection) this.changed.clear();
    try {
      // First, or a daemon that dies here would leave what nobody knows of.
      await this.retired.settle();
      if (!connection) return;
      await inBatches(due, (entry) => this.tell(connection, entry));
    } catch (error) {
      for (const entry of due) if (this.entries.get(keyOf(entry)) === entry) this.changed.add(entry);
      throw error;
    }
    if ([...this.entries.values()].some(hasFailed)) this.retryLater();
    else this.retryAfterMs = RETRY_AFTER_MS;
  }

  private async tell(connection: RelayConnection, entry: PortEntry): Promise<void> {
    const [key, target] = [keyOf(entry), textOf(entry.target)];
    if (!entry.isWanted) return this.drop(connection, entry);
    try {
      if (entry.told === null) await this.add(connection, entry, `add ${key} ${entry.proto} ${target}`);
      else if (entry.told !== target) await connection.request(`lead ${key} ${target}`);
      entry.told = target;
      if (entry.failure) this.place.log.info({ port: key }, 'the relay has the published port again');
      entry.failure = null;
    } catch (error) {
      if (errorKind(error) === 'unavailable') throw error;
      if (!entry.failure)
        this.place.log.error({ err: error, port: key }, 'the relay does not have a published port; it is tried again');
      entry.failure = error instanceof Error ? error : internal(String(error));
      // The socket of a former relay that still answers there is in the way; those of connections are not.
      if (entry.proto === 'udp') this.retired.keepOnly(key, null);
    }
  }

  /** Somebody may reserve the port meanwhile, while it can't be bound yet: it is given to the relay anew then, by their `settle`. */
  private async drop(connection: RelayConnection, entry: PortEntry): Promise<void> {
    if (entry.isSent) await connection.request(`drop ${keyOf(entry)}`);
    if (entry.isWanted) Object.assign(entry, { isSent: false, told: null });
    else this.forget(entry);
  }

  /** After the relay was lost, or has dropped it, the socket is to be bound again. */
  private async add(connection: RelayConnection, entry: PortEntry, line: string): Promise<void> {
    entry.fd ??= openBoundPort(entry.proto, entry.hostIp, entry.port, entry.target !== null);
    entry.isSent = true;
    await connection.request(line, entry.fd);
    closeLocal(entry);
  }

  /** The relay that is there; null: there is none. */
  private async find(): Promise<RelayConnection | null> {
    const connection = await reachRelay(this.place);
    if (!connection) return null;
    for (const { key, address, port } of await connection.list()) {
      this.learn(key, address === '-' ? null : { address, port });
    }
    await this.retired.open(true);
    if (!this.mayBeClaimed) this.cutStrays();
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
    if (this.retry) clearTimeout(this.retry);
    this.retry = null;
    this.retryAfterMs = RETRY_AFTER_MS;
    if (this.entries.size > 0) this.retryLater();
  }

  private retryLater(): void {
    if (this.isClosed) return;
    this.retry ??= setTimeout(() => {
      this.retry = null;
      this.retryAfterMs = Math.min(2 * this.retryAfterMs, RETRY_SELDOM_MS);
      for (const entry of this.entries.values()) if (hasFailed(entry)) this.changed.add(entry);
      this.settle().catch((err: unknown) => {
        this.place.log.error({ err }, 'published ports are not relayed');
        this.retryLater();
      });
    }, this.retryAfterMs).unref();
  }
}

const hasFailed = ({ isWanted, failure }: PortEntry): boolean => isWanted && failure !== null;
