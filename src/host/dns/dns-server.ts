import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import type { Logger } from '../../shared/logger.js';
import {
  type DnsAnswer,
  type DnsQuery,
  encodeAnswer,
  encodeRefusal,
  fitAnswer,
  parseQuery,
  RCODE,
} from './dns-message.js';
import type { DnsSockets } from './dns-sockets.js';
import { numericLookup } from './numeric-lookup.js';

const LARGEST_MESSAGE = 65_535;
/** What one namespace may have waiting for other servers; dockerd's bound. */
const MAX_OUTSTANDING = 1024;
const MAX_CONNECTIONS = 256;
const IDLE_CONNECTION_MS = 10_000;

/** Decides an answer. A message is passed on with the query's id; a promise must not reject. */
export type AnswerQuery = (query: DnsQuery, overTcp: boolean) => DnsAnswer | Promise<DnsAnswer | Buffer>;

const failure = (code: number): DnsAnswer => ({ code, ttlSec: 0, records: [] });

/** Serves DNS at sockets that are open already. Disposing closes them, and what was not answered never is. */
export class DnsServer implements Disposable {
  private readonly udp: UdpSocket;
  private readonly tcp: Server;
  private readonly connections = new Set<Socket>();
  private outstanding = 0;
  private closed = false;

  /** Takes over the descriptors. */
  constructor(
    sockets: DnsSockets,
    private readonly answer: AnswerQuery,
    private readonly log: Logger,
  ) {
    this.udp = createSocket({ type: 'udp4', lookup: numericLookup });
    this.udp.on('error', (err) => this.log.warn({ err }, 'name service over udp failed'));
    this.udp.on('message', (message, from) => this.onDatagram(message, from));
    this.udp.bind({ fd: sockets.udpFd });
    this.tcp = createServer((connection) => this.onConnection(connection));
    this.tcp.maxConnections = MAX_CONNECTIONS;
    this.tcp.on('error', (err) => this.log.warn({ err }, 'name service over tcp failed'));
    this.tcp.listen({ fd: sockets.tcpFd });
  }

  [Symbol.dispose](): void {
    if (this.closed) return;
    this.closed = true;
    this.udp.close();
    this.tcp.close();
    for (const connection of this.connections) connection.destroy();
  }

  private onDatagram(message: Buffer, { port, address }: RemoteInfo): void {
    this.respond(message, false, (reply) => {
      // A client that is gone is told by an ICMP message, which is of no interest.
      if (!this.closed) this.udp.send(reply, port, address, () => undefined);
    });
  }

  private onConnection(connection: Socket): void {
    this.connections.add(connection);
    connection.on('close', () => this.connections.delete(connection));
    connection.on('error', () => connection.destroy());
    connection.setTimeout(IDLE_CONNECTION_MS, () => connection.destroy());
    let received: Buffer = Buffer.alloc(0);
    connection.on('data', (data) => {
      received = received.length === 0 ? data : Buffer.concat([received, data]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0);
        this.respond(received.subarray(2, end), true, (reply) => {
          if (connection.writable) connection.write(withLength(reply));
        });
        received = received.subarray(end);
      }
    });
  }

  private respond(message: Buffer, overTcp: boolean, send: (reply: Buffer) => void): void {
    const query = parseQuery(message);
    if (!query) return;
    if (!('bytes' in query)) return send(encodeRefusal(query));
    const limit = overTcp ? LARGEST_MESSAGE : query.udpBytes;
    const finish = (answer: DnsAnswer | Buffer): void =>
      send(Buffer.isBuffer(answer) ? fitAnswer(query, answer, limit) : encodeAnswer(query, answer, limit));
    if (this.outstanding >= MAX_OUTSTANDING) return finish(failure(RCODE.refused));
    const answer = this.attempt(query, overTcp);
    if (!(answer instanceof Promise)) return finish(answer);
    this.outstanding++;
    void answer.then(finish).finally(() => this.outstanding--);
  }

  private attempt(query: DnsQuery, overTcp: boolean): ReturnType<AnswerQuery> {
    try {
      return this.answer(query, overTcp);
    } catch (err) {
      this.log.warn({ err, name: query.name }, 'a name could not be resolved');
      return failure(RCODE.serverFailure);
    }
  }
}

/** A message as it goes over TCP, with its length in front. */
export function withLength(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}
