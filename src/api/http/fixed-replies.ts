import type { IncomingMessage, ServerResponse } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { isServed } from './api-version.js';
import { commonHeaders } from './common-headers.js';
import type { ResolvedPath } from './path-resolver.js';
import type { RouteDefinition, ServerFacts } from './route.js';

/** Node keeps the response that is being written here. Source: node lib/_http_server.js, the same from Node 12 to 24. */
type HttpSocket = Socket & { _httpMessage?: ServerResponse | null };

/** Writes the answers of routes with a `fixedReply`, byte for byte as they are otherwise, in a third of the time (decision 56). */
export class FixedReplies {
  private readonly replies: ReadonlyMap<RouteDefinition, { head: string; body: string }>;
  private dateSecond = 0;
  private date = '';

  constructor(routes: readonly RouteDefinition[], server: ServerFacts) {
    const common = commonHeaders(server);
    this.replies = new Map(
      routes.flatMap((route) => {
        if (!route.fixedReply) return [];
        const { status, text, contentType, headers = {} } = route.fixedReply(server);
        const lines = [
          ...common,
          ...Object.entries(headers),
          ['Content-Type', contentType],
          ['Content-Length', Buffer.byteLength(text)],
        ].map(([name, value]) => `${name}: ${value}\r\n`);
        const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}`;
        return [[route, { head, body: route.method === 'HEAD' ? '' : text }]];
      }),
    );
  }

  /** Whether it has answered; otherwise nothing was done, and the request goes the ordinary way. `keepsAlive` is what the parser says. */
  answer(request: IncomingMessage, found: ResolvedPath, keepsAlive: boolean): boolean {
    const reply = this.replies.get(found.route);
    if (!reply || !keepsAlive || !isServed(found.version) || !isPlain(request)) return false;
    const { socket }: { socket: HttpSocket } = request;
    // Answers go out in the order of the requests, and a client that reads none of them is Node's business.
    if (socket._httpMessage || socket.writableLength > 0 || !socket.writable) return false;
    socket.write(`${reply.head}Date: ${this.now()}\r\nConnection: keep-alive\r\n\r\n${reply.body}`);
    return true;
  }

  private now(): string {
    const now = Date.now();
    const second = Math.floor(now / 1000);
    if (second !== this.dateSecond) {
      this.dateSecond = second;
      this.date = new Date(now).toUTCString();
    }
    return this.date;
  }
}

/** HTTP/1.1, with nothing behind the head, and with no wishes about the connection. */
function isPlain({ httpVersion, headers }: IncomingMessage): boolean {
  return (
    httpVersion === '1.1' &&
    headers.host !== undefined &&
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined &&
    headers.expect === undefined &&
    headers.upgrade === undefined &&
    (headers.connection === undefined || headers.connection.toLowerCase() === 'keep-alive')
  );
}
