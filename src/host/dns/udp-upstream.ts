import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { inNetns } from '../sys/namespaces.js';
import { AF_INET, AF_INET6, openSocket, SOCK_DGRAM } from '../sys/socket.js';
import { numericLookup } from './numeric-lookup.js';

const DNS_PORT = 53;

/** A server that queries are passed on to. */
export interface UpstreamServer {
  address: string;
  /** It is asked from the daemon's own namespace, as one on the host's loopback must be. */
  fromHost: boolean;
}

interface Waiting {
  matches: (answer: Buffer) => boolean;
  resolve: (answer: Buffer) => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

/** A socket that asks one server, several queries at a time, each under an id of its own. It closes itself when it is idle. */
export class UdpUpstream implements Disposable {
  private readonly waiting = new Map<number, Waiting>();
  private readonly socket: Socket;
  private retired = false;
  private closed = false;
  private readonly life: NodeJS.Timeout;

  private constructor(fd: number, server: UpstreamServer, lifeMs: number) {
    this.socket = createSocket({ type: isIPv6(server.address) ? 'udp6' : 'udp4', lookup: numericLookup });
    this.socket.on('message', (message) => this.onMessage(message));
    // No way to the server, or nobody there: whoever waits asks elsewhere.
    this.socket.on('error', (error) => this.fail(error));
    this.socket.bind({ fd });
    this.socket.connect(DNS_PORT, server.address);
    this.life = setTimeout(() => this.retire(), lifeMs);
    this.life.unref();
  }

  /** null: in the daemon's own namespace. */
  static open(netnsPath: string | null, server: UpstreamServer, lifeMs: number): UdpUpstream {
    const open = (): number => openSocket(isIPv6(server.address) ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
    return new UdpUpstream(netnsPath === null ? open() : inNetns(netnsPath, open), server, lifeMs);
  }

  get isOpen(): boolean {
    return !this.closed;
  }

  /** Sends a message (its id is overwritten) and resolves with the first answer that matches. Rejects after the time-out. */
  ask(message: Buffer, matches: (answer: Buffer) => boolean, timeoutMs: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.closed) return reject(new Error('the socket is closed'));
      const id = this.freeId();
      message.writeUInt16BE(id, 0);
      const timer = setTimeout(() => this.done(id)?.reject(new Error('no answer in time')), timeoutMs);
      this.waiting.set(id, { matches, resolve, reject, timer });
      this.socket.send(message, (error) => {
        if (error) this.done(id)?.reject(error);
      });
    });
  }

  /** Takes no part in anything new; closes once nobody waits. */
  retire(): void {
    this.retired = true;
    if (this.waiting.size === 0) this.close();
  }

  [Symbol.dispose](): void {
    this.fail(new Error('the namespace is gone'));
    this.close();
  }

  private onMessage(message: Buffer): void {
    const waiting = message.length < 2 ? undefined : this.waiting.get(message.readUInt16BE(0));
    if (waiting?.matches(message)) this.done(message.readUInt16BE(0))?.resolve(message);
  }

  private fail(error: Error): void {
    for (const id of [...this.waiting.keys()]) this.done(id)?.reject(error);
  }

  private done(id: number): Waiting | undefined {
    const waiting = this.waiting.get(id);
    if (!waiting) return undefined;
    clearTimeout(waiting.timer);
    this.waiting.delete(id);
    if (this.retired && this.waiting.size === 0) this.close();
    return waiting;
  }

  private freeId(): number {
    for (;;) {
      const id = randomInt(0x10000);
      if (!this.waiting.has(id)) return id;
    }
  }

  private close(): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.life);
    this.socket.close();
  }
}
