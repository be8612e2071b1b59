import { request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect, type ConnectionOptions } from 'node:tls';
import { proxyAuthorization } from './proxy.js';

const CONNECT_TIMEOUT_MS = 30_000;

/** A failure of the proxy itself rather than of what lies behind it. */
export class ProxyConnectError extends Error {
  constructor(
    readonly proxy: URL,
    cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** Connections to https servers through a proxy's CONNECT; they are kept and reused as those of any agent. */
export class TunnelAgent extends HttpsAgent {
  constructor(
    private readonly proxy: URL,
    private readonly userAgent: string,
    private readonly tls: ConnectionOptions,
  ) {
    super({ keepAlive: true });
  }

  override createConnection(
    options: { host?: string | null; port?: number | string | null; servername?: string },
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    const host = options.host ?? '';
    const target = `${host.includes(':') ? `[${host}]` : host}:${options.port ?? 443}`;
    this.tunnelTo(target).then(
      (socket) => callback?.(null, tlsConnect({ ...this.tls, socket, host, servername: options.servername })),
      (error: unknown) => callback?.(new ProxyConnectError(this.proxy, error), undefined as unknown as Duplex),
    );
    return undefined;
  }

  private tunnelTo(target: string): Promise<Duplex> {
    const authorization = proxyAuthorization(this.proxy);
    const start = this.proxy.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const outgoing = start({
        host: this.proxy.hostname.replace(/^\[|\]$/g, ''),
        port: this.proxy.port || (this.proxy.protocol === 'https:' ? 443 : 80),
        method: 'CONNECT',
        path: target,
        agent: false,
        timeout: CONNECT_TIMEOUT_MS,
        headers: {
          host: target,
          'user-agent': this.userAgent,
          ...(authorization === null ? {} : { 'proxy-authorization': authorization }),
        },
      });
      outgoing.once('connect', (response: IncomingMessage, socket: Duplex) => {
        if (response.statusCode === 200) return resolve(socket);
        socket.destroy();
        // Go says only the status text: "Proxy Authentication Required".
        reject(new Error(response.statusMessage ?? String(response.statusCode)));
      });
      outgoing.once('timeout', () => outgoing.destroy(new Error('i/o timeout')));
      outgoing.once('error', reject);
      outgoing.end();
    });
  }
}
