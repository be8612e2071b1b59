import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { connect, createServer, isIPv6, type Server, type Socket } from 'node:net';
import type { Logger } from '../../shared/logger.js';
import { openBoundPort } from '../sys/socket.js';

/** Where a relayed port leads to. */
export interface RelayTarget {
  address: string;
  port: number;
}

/** Further callers over UDP are not heard while so many wait for answers. */
const MAX_UDP_CALLERS = 1024;
const UDP_IDLE_MS = 90_000;

/**
 * Takes a port of the host and passes what comes there on to a container, in this process: for what the kernel's address
 * translation can't do, callers of another family than the container's above all. Throws what binding throws. Disposing gives the
 * port back and cuts those who use it.
 */
export function relayPort(
  proto: 'tcp' | 'udp',
  hostIp: string,
  port: number,
  target: RelayTarget,
  log: Logger,
): Disposable {
  const fd = openBoundPort(proto, hostIp, port, true);
  return proto === 'tcp' ? new TcpRelay(fd, target, log) : new UdpRelay(fd, hostIp, target, log);
}

class TcpRelay implements Disposable {
  private readonly server: Server;
  private readonly open = new Set<Socket>();

  constructor(fd: number, target: RelayTarget, log: Logger) {
    this.server = createServer({ allowHalfOpen: true }, (caller) => this.join(caller, target));
    this.server.on('error', (err) => log.warn({ err, target }, 'a published port could not be served'));
    this.server.listen({ fd });
  }

  [Symbol.dispose](): void {
    this.server.close();
    for (const socket of this.open) socket.destroy();
  }

  private join(caller: Socket, { address, port }: RelayTarget): void {
    const container = connect({ host: address, port, allowHalfOpen: true });
    for (const [one, other] of [
      [caller, container],
      [container, caller],
    ] as const) {
      this.open.add(one);
      one.setNoDelay(true);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.open.delete(one);
        if (one.errored) other.destroy();
      });
      one.pipe(other);
    }
  }
}

class UdpRelay implements Disposable {
  private readonly socket: UdpSocket;
  private readonly callers = new Map<string, { socket: UdpSocket; idle: NodeJS.Timeout }>();
  private closed = false;

  constructor(
    fd: number,
    hostIp: string,
    private readonly target: RelayTarget,
    log: Logger,
  ) {
    this.socket = createSocket(isIPv6(hostIp) ? 'udp6' : 'udp4');
    this.socket.on('error', (err) => log.warn({ err, target }, 'a published port could not be served'));
    this.socket.on('message', (message, from) => this.pass(message, from));
    this.socket.bind({ fd });
  }

  [Symbol.dispose](): void {
    this.closed = true;
    this.socket.close();
    for (const key of [...this.callers.keys()]) this.forget(key);
  }

  private pass(message: Buffer, from: RemoteInfo): void {
    const key = `${from.address} ${from.port}`;
    const caller = this.callers.get(key);
    if (!caller && this.callers.size >= MAX_UDP_CALLERS) return;
    const { socket, idle } = caller ?? this.admit(key, from);
    idle.refresh();
    socket.send(message, this.target.port, this.target.address, () => undefined);
  }

  private admit(key: string, from: RemoteInfo): { socket: UdpSocket; idle: NodeJS.Timeout } {
    const socket = createSocket(isIPv6(this.target.address) ? 'udp6' : 'udp4');
    socket.on('error', () => this.forget(key));
    socket.on('message', (answer) => {
      if (!this.closed) this.socket.send(answer, from.port, from.address, () => undefined);
      this.callers.get(key)?.idle.refresh();
    });
    const idle = setTimeout(() => this.forget(key), UDP_IDLE_MS);
    idle.unref();
    const caller = { socket, idle };
    this.callers.set(key, caller);
    return caller;
  }

  private forget(key: string): void {
    const caller = this.callers.get(key);
    if (!caller) return;
    this.callers.delete(key);
    clearTimeout(caller.idle);
    caller.socket.close();
  }
}
