import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { invalid } from '../../shared/errors.js';
import { ChunkedDecoder } from './chunked-decoder.js';

/**
 * A connection that was taken from Node's HTTP parser as soon as a request's head was read, so that not one byte behind
 * it is parsed as HTTP. The request's body, if any, is still in front of the raw bytes on the socket.
 */
export class DetachedConnection {
  private bodyRead: Promise<Buffer> | null = null;
  private taken = false;

  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    readonly socket: Socket,
  ) {
    response.once('finish', () => this.answered());
  }

  /**
   * Lets go of the HTTP response: the socket is the caller's from now on. The response's 'close' still tells when the
   * connection is gone, for the request's signal.
   */
  take(): Socket {
    this.taken = true;
    this.response.detachSocket(this.socket);
    this.socket.once('close', () => this.response.emit('close'));
    return this.socket;
  }

  /** The request was answered with plain HTTP after all (an error, a detached exec); such a connection is not reused. */
  private answered(): void {
    if (this.taken) return;
    this.response.detachSocket(this.socket);
    this.socket.end();
    lingerAfterEnd(this.socket);
  }

  /** The body, read off the socket once; later calls return the same. Throws invalid when it is larger than the limit or cut off. */
  body(limitBytes: number): Promise<Buffer> {
    return (this.bodyRead ??= this.readBody(limitBytes));
  }

  private async readBody(limitBytes: number): Promise<Buffer> {
    const { headers } = this.request;
    const chunked = headers['transfer-encoding'] !== undefined;
    const length = chunked ? 0 : Number(headers['content-length'] ?? 0);
    if (!chunked && length === 0) return Buffer.alloc(0);
    if (length > limitBytes) throw invalid('http: request body too large');
    if (headers.expect?.toLowerCase() === '100-continue') this.socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    if (!chunked) return readFrom(this.socket, () => this.socket.read(length) as Buffer | null);
    const decoder = new ChunkedDecoder(limitBytes);
    return readFrom(this.socket, () => {
      const data = this.socket.read() as Buffer | null;
      if (!data || !decoder.push(data)) return null;
      if (decoder.rest.length > 0) this.socket.unshift(decoder.rest);
      return decoder.body();
    });
  }
}

/** Tries `take` now and whenever more has arrived, until it gives something. */
function readFrom(socket: Socket, take: () => Buffer | null): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void): void => {
      socket.off('readable', attempt).off('end', cutOff).off('close', cutOff);
      finish();
    };
    const cutOff = (): void => settle(() => reject(invalid('invalid JSON: unexpected EOF')));
    const attempt = (): void => {
      try {
        const taken = take();
        if (taken) settle(() => resolve(taken));
      } catch (error) {
        settle(() => reject(error instanceof Error ? error : new Error(String(error))));
      }
    };
    socket.on('readable', attempt).on('end', cutOff).on('close', cutOff);
    attempt();
  });
}

const detached = new WeakMap<IncomingMessage, DetachedConnection>();

/** The connection behind a request that was detached; undefined for an ordinary one. */
export function detachedConnection(request: IncomingMessage): DetachedConnection | undefined {
  return detached.get(request);
}

/** `upgrade` is there at run time but not in the type declarations. */
type HttpRequest = IncomingMessage & { upgrade: boolean };

/** What the server needs of Node's parser: `onIncoming` is called with each request's head, and 2 makes it let go. */
interface HttpParser {
  onIncoming(request: HttpRequest, shouldKeepAlive: boolean): number;
}

/**
 * Makes the server hand over the connection of each request that `isHijack` names, with or without an Upgrade header,
 * and treat every other request as an ordinary one even if it has that header. `isAnswered` is asked first: a request that it has
 * answered on the bare connection, and that has no body, is seen by nobody else.
 *
 * Node lets go of a connection by itself for upgrades only, and then for all of them. Its parser calls `onIncoming` when a
 * head is complete; the value 2 is what its own upgrade path returns there, and makes Node emit 'upgrade' with all bytes
 * that were read behind the head. Source: node lib/_http_server.js (parserOnIncoming), the same from Node 12 to 24.
 */
export function detachHijacks(
  server: Server | TlsServer,
  isAnswered: (request: IncomingMessage, keepsAlive: boolean) => boolean,
  isHijack: (request: IncomingMessage) => boolean,
  handle: (connection: DetachedConnection) => void,
  makeResponse: (request: IncomingMessage) => ServerResponse,
): void {
  const connectionEvent = 'setSecureContext' in server ? 'secureConnection' : 'connection';
  server.on(connectionEvent, (socket: Socket & { parser?: HttpParser }) => {
    const parser = socket.parser;
    if (!parser) throw new Error('this Node.js keeps its HTTP parser elsewhere: hijacked streams can not work');
    const ordinary = parser.onIncoming.bind(parser);
    parser.onIncoming = (request, shouldKeepAlive) => {
      if (isAnswered(request, shouldKeepAlive)) return 0;
      request.upgrade = isHijack(request);
      return request.upgrade ? 2 : ordinary(request, shouldKeepAlive);
    };
  });
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (head.length > 0) socket.unshift(head);
    socket.on('error', () => socket.destroy());
    const response = makeResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    const connection = new DetachedConnection(request, response, socket);
    detached.set(request, connection);
    handle(connection);
  });
}

const LINGER_MS = 10_000;

/** Once our side has ended, destroys the socket when the client neither sends nor closes for some seconds. */
export function lingerAfterEnd(socket: Socket): void {
  socket.resume();
  socket.setTimeout(LINGER_MS, () => socket.destroy());
}
