import {
  request as httpRequest,
  Agent as HttpAgent,
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http';
import { request as httpsRequest, Agent as HttpsAgent } from 'node:https';
import type { Writable } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import { internal, WharfError } from '../../shared/errors.js';
import { tlsFor, type TlsSettings } from './client-certificates.js';
import { InsecureRegistries } from './insecure-registries.js';
import { describeNetworkError } from './network-error.js';
import { proxyAuthorization, proxyFor } from './proxy.js';
import type { NetworkConfig } from './registry-config.js';
import { SecureContexts } from './secure-contexts.js';
import { ProxyConnectError, TunnelAgent } from './tunnel-agent.js';

export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Writes the whole body; the request is ended then. Rejects, and soon, when the request breaks. */
export type WriteBody = (to: Writable) => Promise<void>;

export type RequestBody = Buffer | WriteBody;

export interface HttpRequest {
  method: HttpMethod;
  url: string;
  headers?: OutgoingHttpHeaders;
  body?: RequestBody;
  /** For the URL's own host; where a redirect leads, that host's own settings count. Default: those of the host. */
  tls?: TlsSettings;
  signal: AbortSignal;
}

/** Silence for this long, before the headers or amid the body, is a failure. */
const IDLE_TIMEOUT_MS = 60_000;
const MAX_REDIRECTS = 10;

/** HTTP to registries and to the blob and token servers that they name; connections are kept and reused. */
export class Transport implements Disposable {
  private readonly plainAgent = new HttpAgent({ keepAlive: true });
  private readonly tlsAgents = new Map<string, HttpsAgent>();
  private readonly contexts = new SecureContexts();
  private readonly insecure: InsecureRegistries;

  constructor(private readonly config: NetworkConfig) {
    this.insecure = new InsecureRegistries(config.insecureRegistries);
  }

  /**
   * The answer, whatever its status; the caller reads or destroys it. Redirects of GET and HEAD are followed, without the
   * Authorization header once they leave the origin. A failure is internal, in the words of Go's HTTP client.
   */
  async send(request: HttpRequest): Promise<IncomingMessage> {
    let { url, tls } = request;
    let headers: OutgoingHttpHeaders = { 'user-agent': this.config.userAgent, ...request.headers };
    for (let redirects = 0; ; redirects++) {
      const response = await this.once({ ...request, url, headers, ...(tls ? { tls } : {}) });
      const location = response.headers.location;
      const isRedirect = [301, 302, 303, 307, 308].includes(response.statusCode ?? 0) && location !== undefined;
      if (!isRedirect || (request.method !== 'GET' && request.method !== 'HEAD')) return response;
      response.destroy();
      if (redirects === MAX_REDIRECTS) throw internal(`stopped after ${MAX_REDIRECTS} redirects`);
      if (!URL.canParse(location, url)) throw internal(`failed to parse Location header ${JSON.stringify(location)}`);
      const next = new URL(location, url);
      if (next.origin !== new URL(url).origin) {
        headers = withoutAuthorization(headers);
        tls = undefined;
      }
      url = next.href;
    }
  }

  private async once(request: HttpRequest & { headers: OutgoingHttpHeaders }): Promise<IncomingMessage> {
    request.signal.throwIfAborted();
    const target = new URL(request.url);
    if (target.protocol !== 'http:' && target.protocol !== 'https:') {
      throw internal(`unsupported protocol scheme ${JSON.stringify(target.protocol.replace(':', ''))}`);
    }
    const proxy = proxyFor(target, this.config.proxies);
    const outgoing = this.open(request, target, proxy);
    outgoing.on('timeout', () => outgoing.destroy(new Error('net/http: timeout awaiting response')));
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve);
      // Stays: a connection that breaks after the answer reports here as well as on the body.
      outgoing.on('error', reject);
    });
    try {
      if (typeof request.body === 'function') {
        const sent = request.body(outgoing).then(() => outgoing.end());
        sent.catch((error: Error) => outgoing.destroy(error));
        // An answer may come before all has been sent, as a refusal; then the sending does not matter any more.
        return await Promise.race([sent.then(() => answered), answered]);
      }
      outgoing.end(request.body);
      return await answered;
    } catch (error) {
      if (request.signal.aborted) throw request.signal.reason;
      if (error instanceof WharfError) throw error;
      const verb = request.method[0] + request.method.slice(1).toLowerCase();
      throw internal(`${verb} ${JSON.stringify(request.url)}: ${reason(error, target, proxy)}`, error);
    }
  }

  private open(request: HttpRequest & { headers: OutgoingHttpHeaders }, target: URL, proxy: URL | null): ClientRequest {
    const { method, headers, signal } = request;
    const common = { method, signal, timeout: IDLE_TIMEOUT_MS };
    if (target.protocol === 'https:') {
      const tls = request.tls ?? tlsFor(target.host, this.config.certsDir, this.insecure);
      return httpsRequest(target, { ...common, headers, agent: this.tlsAgent(tls, proxy) });
    }
    if (!proxy) return httpRequest(target, { ...common, headers, agent: this.plainAgent });
    const authorization = proxyAuthorization(proxy);
    const proxied = {
      ...common,
      host: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
      path: target.href,
      headers: {
        host: target.host,
        ...headers,
        ...(authorization === null ? {} : { 'proxy-authorization': authorization }),
      },
    };
    if (proxy.protocol === 'http:') return httpRequest({ ...proxied, agent: this.plainAgent });
    return httpsRequest({
      ...proxied,
      agent: this.tlsAgent(tlsFor(proxy.host, this.config.certsDir, this.insecure), null),
    });
  }

  private tlsAgent(tls: TlsSettings, proxy: URL | null): HttpsAgent {
    const key = `${proxy?.href ?? ''} ${this.contexts.key(tls)}`;
    let agent = this.tlsAgents.get(key);
    if (!agent) {
      const { rejectUnauthorized } = tls;
      const options: ConnectionOptions = { secureContext: this.contexts.get(tls), rejectUnauthorized };
      agent = proxy
        ? new TunnelAgent(proxy, this.config.userAgent, options)
        : new HttpsAgent({ keepAlive: true, ...options });
      this.tlsAgents.set(key, agent);
    }
    return agent;
  }

  [Symbol.dispose](): void {
    this.plainAgent.destroy();
    for (const agent of this.tlsAgents.values()) agent.destroy();
  }
}

function reason(error: unknown, target: URL, proxy: URL | null): string {
  if (error instanceof ProxyConnectError) {
    return `proxyconnect tcp: ${describeNetworkError(error.cause, error.proxy)}`;
  }
  if (proxy && target.protocol === 'http:') return `proxyconnect tcp: ${describeNetworkError(error, proxy)}`;
  return describeNetworkError(error, target);
}

function withoutAuthorization(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'));
}
