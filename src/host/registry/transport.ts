import { request as httpRequest, Agent as HttpAgent, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { request as httpsRequest, Agent as HttpsAgent } from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { internal } from '../../shared/errors.js';
import { describeNetworkError } from './network-error.js';

export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH';

export interface HttpRequest {
  method: HttpMethod;
  url: string;
  headers?: OutgoingHttpHeaders;
  body?: Readable | Buffer;
  signal: AbortSignal;
}

export interface TransportOptions {
  userAgent: string;
  /** TLS settings of a host. */
  tlsFor: (authority: string) => { rejectUnauthorized: boolean; ca?: string[]; cert?: string; key?: string };
}

/** Silence for this long, before the headers or amid the body, is a failure. */
const IDLE_TIMEOUT_MS = 60_000;
const MAX_REDIRECTS = 10;

/** HTTP to registries and to the blob and token servers that they name; connections are kept and reused. */
export class Transport implements Disposable {
  private readonly plainAgent = new HttpAgent({ keepAlive: true });
  private readonly tlsAgents = new Map<string, HttpsAgent>();

  constructor(private readonly options: TransportOptions) {}

  /**
   * The answer, whatever its status; the caller reads or destroys it. Redirects of GET and HEAD are followed, without the
   * Authorization header once they leave the origin. A failure is internal, in the words of Go's HTTP client.
   */
  async send(request: HttpRequest): Promise<IncomingMessage> {
    let { url } = request;
    let headers: OutgoingHttpHeaders = { 'user-agent': this.options.userAgent, ...request.headers };
    for (let redirects = 0; ; redirects++) {
      const response = await this.once({ ...request, url, headers });
      const location = response.headers.location;
      const isRedirect = [301, 302, 303, 307, 308].includes(response.statusCode ?? 0) && location !== undefined;
      if (!isRedirect || (request.method !== 'GET' && request.method !== 'HEAD')) return response;
      response.destroy();
      if (redirects === MAX_REDIRECTS) throw internal(`stopped after ${MAX_REDIRECTS} redirects`);
      const next = new URL(location, url);
      if (next.origin !== new URL(url).origin) headers = withoutAuthorization(headers);
      url = next.href;
    }
  }

  private async once(request: HttpRequest & { headers: OutgoingHttpHeaders }): Promise<IncomingMessage> {
    request.signal.throwIfAborted();
    const target = new URL(request.url);
    if (target.protocol !== 'http:' && target.protocol !== 'https:') {
      throw internal(`unsupported protocol scheme ${JSON.stringify(target.protocol.replace(':', ''))}`);
    }
    const secure = target.protocol === 'https:';
    const start = secure ? httpsRequest : httpRequest;
    const outgoing = start(target, {
      method: request.method,
      headers: request.headers,
      agent: secure ? this.tlsAgent(target.host) : this.plainAgent,
      signal: request.signal,
      timeout: IDLE_TIMEOUT_MS,
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('net/http: timeout awaiting response')));
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve);
      // Stays: a connection that breaks after the answer reports here as well as on the body.
      outgoing.on('error', reject);
    });
    try {
      if (request.body && !Buffer.isBuffer(request.body)) {
        const sent = pipeline(request.body, outgoing);
        // An answer may come before all has been sent, as a refusal; then the sending does not matter any more.
        return await Promise.race([sent.then(() => answered), answered]);
      }
      outgoing.end(request.body);
      return await answered;
    } catch (error) {
      if (request.signal.aborted) throw request.signal.reason;
      const verb = request.method[0] + request.method.slice(1).toLowerCase();
      throw internal(`${verb} ${JSON.stringify(request.url)}: ${describeNetworkError(error, target)}`, error);
    }
  }

  private tlsAgent(authority: string): HttpsAgent {
    let agent = this.tlsAgents.get(authority);
    if (!agent) {
      agent = new HttpsAgent({ keepAlive: true, ...this.options.tlsFor(authority) });
      this.tlsAgents.set(authority, agent);
    }
    return agent;
  }

  [Symbol.dispose](): void {
    this.plainAgent.destroy();
    for (const agent of this.tlsAgents.values()) agent.destroy();
  }
}

function withoutAuthorization(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'));
}
