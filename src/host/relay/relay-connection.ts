import { createConnection, type Socket } from 'node:net';
import { internal, unavailable } from '../../shared/errors.js';
import { bareSocket } from '../shim/bare-socket.js';
import { sendDescriptor } from '../sys/send-descriptor.js';
import { sendTo } from '../sys/socket.js';

/** Takes one line of an answer; true: it was the last. */
type Listener = { hear: (line: string) => boolean; fail: (error: Error) => void };

/** A port that a relay serves, in its own words. */
export interface RelayedPort {
  key: string;
  address: string;
  port: number;
}

/** A relay that is silent for so long is stopped, or is none. */
const ANSWER_WITHIN_MS = 10_000;

/**
 * A connection to the relay process, see shim/include/relay.h. Lines and descriptors are sent past Node's stream, so that both keep their
 * order; no more than some dozens may wait for answers. What waits when the connection ends is rejected with `unavailable`.
 */
export class RelayConnection {
  private readonly listeners: Listener[] = [];
  private partialLine = '';
  private isOpen = true;
  private hasBeenSilent = false;
  /** Resolves when the relay is gone, or the connection was closed. */
  readonly ended: Promise<void>;

  private constructor(
    private readonly socket: Socket,
    private readonly fd: number,
  ) {
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => this.receive(chunk));
    // What follows is the end, which tells it all.
    socket.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      socket.on('close', () => {
        this.isOpen = false;
        for (const { fail } of this.listeners.splice(0)) fail(unavailable('lost the relay of published ports'));
        resolve();
      });
    });
  }

  /** Rejects with the system error when no relay is there: ENOENT, ECONNREFUSED. */
  static async connect(socketPath: string): Promise<RelayConnection> {
    const socket = createConnection({ path: socketPath });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const fd = bareSocket(socket)?.fd();
    if (fd === undefined) throw unavailable('lost the relay of published ports');
    return new RelayConnection(socket, fd);
  }

  /** The version that it speaks, and its process; 0: it is of a version that does not tell. */
  async hello(): Promise<{ version: number; pid: number }> {
    const [, version, pid] = /^relay (\d+)(?: (\d+))?$/.exec(await this.ask('hello')) ?? [];
    return { version: Number(version ?? 0), pid: Number(pid ?? 0) };
  }

  /** It was lost because no answer came for ten seconds. */
  get isSilent(): boolean {
    return this.hasBeenSilent;
  }

  /** What it serves. */
  list(): Promise<RelayedPort[]> {
    const ports: RelayedPort[] = [];
    return this.exchange('list', null, (line) => {
      const [word = '', key = '', address = '', port = ''] = line.split(' ');
      if (word !== 'port') return ports;
      ports.push({ key, address, port: Number(port) });
      return null;
    });
  }

  /** Rejects with `internal` and the relay's words. The descriptor stays the caller's. */
  async request(line: string, descriptor: number | null = null): Promise<void> {
    const answer = await this.ask(line, descriptor);
    if (answer !== 'ok') throw internal(`the relay of published ports: ${answer.replace(/^err /, '')}`);
  }

  /** Ends the process, with all its ports; resolves when it has let go of them, or is silent. */
  async quit(): Promise<void> {
    if (!this.isOpen) return;
    try {
      sendTo(this.fd, Buffer.from('quit\n'));
    } catch {
      this.socket.destroy(); // it is ending already
    }
    const silence = this.giveUpLater();
    await this.ended;
    clearTimeout(silence);
  }

  close(): void {
    this.isOpen = false;
    this.socket.destroy();
  }

  private ask(line: string, descriptor: number | null = null): Promise<string> {
    return this.exchange(line, descriptor, (answer) => answer);
  }

  /** `take` gives the result with the last line. */
  private exchange<T>(text: string, descriptor: number | null, take: (line: string) => T | null): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.isOpen) return reject(unavailable('lost the relay of published ports'));
      try {
        if (descriptor === null) sendTo(this.fd, Buffer.from(`${text}\n`));
        else sendDescriptor(this.fd, `${text}\n`, descriptor);
      } catch (error) {
        return reject(unavailable('lost the relay of published ports', error));
      }
      const silence = this.giveUpLater();
      const hear = (line: string): boolean => {
        const result = take(line);
        if (result === null) return false;
        clearTimeout(silence);
        resolve(result);
        return true;
      };
      const fail = (error: Error): void => {
        clearTimeout(silence);
        reject(error);
      };
      this.listeners.push({ hear, fail });
    });
  }

  private giveUpLater(): NodeJS.Timeout {
    return setTimeout(() => {
      this.hasBeenSilent = true;
      this.socket.destroy();
    }, ANSWER_WITHIN_MS);
  }

  private receive(chunk: string): void {
    const lines = (this.partialLine + chunk).split('\n');
    this.partialLine = lines.pop() ?? '';
    for (const line of lines) if (this.listeners[0]?.hear(line)) this.listeners.shift();
  }
}

/** The relay reads so many lines before it must have been heard. */
const AT_ONCE = 32;

/** Asks a relay something for each of these, as many at once as it takes. */
export async function inBatches<T>(items: readonly T[], ask: (item: T) => Promise<void>): Promise<void> {
  for (let first = 0; first < items.length; first += AT_ONCE) {
    await Promise.all(items.slice(first, first + AT_ONCE).map(ask));
  }
}
