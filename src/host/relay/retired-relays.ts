import { readdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { errorKind, hasCode } from '../../shared/errors.js';
import type { Logger } from '../../shared/logger.js';
import { inBatches, RelayConnection } from './relay-connection.js';
import { countListening, relayProcesses, signalRelay } from './relay-processes.js';

interface Retired {
  connection: RelayConnection;
  /** Where those who use a port by it are led, by the port's key. */
  targets: Map<string, string>;
  /** Keys whose users are to be cut. */
  due: Set<string>;
}

/** With one more, the oldest is ended, whoever uses it. */
const RETIRED_MAX = 4;
const BACK_WITHIN_MS = 1000;
const LOOK_EVERY_MS = 10;

/**
 * Relays that have left their ports to another, and serve those who were connected before until the last is gone. Each listens at the relay's
 * path and its own pid.
 */
export class RetiredRelays {
  private relays: Retired[] = [];

  constructor(
    private readonly socketPath: string,
    private readonly log: Logger,
  ) {}

  /** Connects to those that it is not connected to yet. `isMainThere`: the one that has the ports listens, too. */
  async open(isMainThere: boolean): Promise<void> {
    const listening = countListening(this.socketPath) - (isMainThere ? 1 : 0);
    if (listening > this.paths().length) await this.recall(listening);
    this.close();
    for (const path of this.paths()) await this.connect(path);
    for (const { connection } of this.relays.slice(0, -RETIRED_MAX)) {
      this.log.warn('too many former relays of published ports have connections; the oldest is ended');
      await connection.quit();
    }
  }

  /** From the next `settle` on nobody uses the port but who is led to this target; null: nobody. */
  keepOnly(key: string, target: string | null): void {
    for (const { targets, due } of this.relays) {
      if (targets.has(key) && targets.get(key) !== target) due.add(key);
    }
  }

  /** The ports that are used by one of them. */
  keys(): Set<string> {
    return new Set(this.relays.flatMap(({ targets }) => [...targets.keys()]));
  }

  async settle(): Promise<void> {
    await Promise.all(this.relays.map((one) => cut(one)));
  }

  close(): void {
    for (const { connection } of this.relays) connection.close();
    this.relays = [];
  }

  /** The socket of one was removed. */
  private async recall(wanted: number): Promise<void> {
    for (const { pid, isRetired } of relayProcesses(this.socketPath)) {
      if (isRetired) signalRelay(pid, this.socketPath, 'SIGUSR1');
    }
    const deadline = performance.now() + BACK_WITHIN_MS;
    while (this.paths().length < wanted && performance.now() < deadline) await delay(LOOK_EVERY_MS);
  }

  /** The oldest first. */
  private paths(): string[] {
    const directory = dirname(this.socketPath);
    const prefix = `${basename(this.socketPath)}.`;
    const names = readdirSync(directory).filter(
      (name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)),
    );
    const changedAt = (path: string): number => statSync(path, { throwIfNoEntry: false })?.ctimeMs ?? 0;
    return names
      .map((name) => join(directory, name))
      .map((path) => ({ path, at: changedAt(path) }))
      .sort((one, other) => one.at - other.at)
      .map(({ path }) => path);
  }

  private async connect(path: string): Promise<void> {
    try {
      const connection = await RelayConnection.connect(path);
      const ports = await connection.list();
      const targets = new Map(ports.map(({ key, address, port }) => [key, `${address} ${port}`]));
      const retired: Retired = { connection, targets, due: new Set() };
      this.relays.push(retired);
      void connection.ended.then(() => (this.relays = this.relays.filter((one) => one !== retired)));
    } catch (err) {
      if (hasCode(err, 'ECONNREFUSED')) rmSync(path, { force: true });
      else if (!hasCode(err, 'ENOENT'))
        this.log.warn({ err, path }, 'a former relay of published ports does not answer');
    }
  }
}

async function cut({ connection, targets, due }: Retired): Promise<void> {
  const keys = [...due];
  due.clear();
  for (const key of keys) targets.delete(key);
  try {
    await inBatches(keys, (key) => connection.request(`drop ${key}`));
  } catch (error) {
    // Ended: it has no users any more.
    if (errorKind(error) !== 'unavailable') throw error;
  }
}
