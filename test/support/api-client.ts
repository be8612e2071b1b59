import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

export interface ApiReply {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The body as JSON; undefined if it is none. */
  json: any;
}

/** A plain HTTP client for the daemon's unix socket, with nothing between the test and the wire. */
export class ApiClient {
  constructor(readonly socketPath: string) {}

  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
    timeoutMs = 60_000,
  ): Promise<ApiReply> {
    const reply = await this.open(method, path, body, headers, timeoutMs);
    const chunks: Buffer[] = [];
    for await (const chunk of reply) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    return { status: reply.statusCode!, headers: reply.headers, text, json: parse(text) };
  }

  get = (path: string): Promise<ApiReply> => this.call('GET', path);
  post = (path: string, body?: unknown): Promise<ApiReply> => this.call('POST', path, body);
  delete = (path: string): Promise<ApiReply> => this.call('DELETE', path);

  /** The reply as soon as its headers are there; the caller reads the body or destroys it. */
  open(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
    timeoutMs = 60_000,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const raw = typeof body === 'string' || Buffer.isBuffer(body);
      const payload = body === undefined ? undefined : raw ? body : JSON.stringify(body);
      const sent = request({
        socketPath: this.socketPath,
        method,
        path,
        agent: false,
        timeout: timeoutMs,
        headers: {
          ...(payload !== undefined && { 'Content-Length': String(Buffer.byteLength(payload)) }),
          ...(payload !== undefined && !raw && { 'Content-Type': 'application/json' }),
          ...headers,
        },
      });
      sent.on('response', resolve);
      sent.on('error', reject);
      sent.on('timeout', () => sent.destroy(new Error(`no answer to ${method} ${path} in ${timeoutMs} ms`)));
      sent.end(payload);
    });
  }

  /** A hijacked stream by way of 101. */
  upgrade(
    path: string,
    body?: unknown,
  ): Promise<{ status: number; headers: IncomingHttpHeaders; socket: Duplex; head: Buffer }> {
    return new Promise((resolve, reject) => {
      const payload = body === undefined ? '' : JSON.stringify(body);
      const sent = request({
        socketPath: this.socketPath,
        method: 'POST',
        path,
        agent: false,
        headers: {
          Connection: 'Upgrade',
          Upgrade: 'tcp',
          'Content-Type': 'application/json',
          'Content-Length': String(Buffer.byteLength(payload)),
        },
      });
      sent.on('upgrade', (reply, socket, head) =>
        resolve({ status: reply.statusCode!, headers: reply.headers, socket, head }),
      );
      sent.on('response', (reply) => {
        reply.resume();
        reject(new Error(`not upgraded: ${reply.statusCode}`));
      });
      sent.on('error', reject);
      sent.end(payload);
    });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
