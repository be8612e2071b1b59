import { readFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, Server, ServerOptions } from 'node:http';
import { createServer, ServerResponse } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Engine } from '../../engine/engine.js';
import { cancelled, invalid } from '../../shared/errors.js';
import type { Logger } from '../../shared/logger.js';
import { activatedFds, bindServer, bindUnixServer, socketGid } from './bind-server.js';
import type { LongLivedRequests } from './client-signal.js';
import { detachHijacks } from './detached-connection.js';
import { DirectReplies } from './direct-replies.js';
import { createDispatcher } from './dispatch.js';
import { parseListenAddress } from './listen-address.js';
import type { ResolvedPath } from './path-resolver.js';
import { PathResolver } from './path-resolver.js';
import { hasBody } from './request-body.js';
import type { RouteDefinition, ServerFacts } from './route.js';

export interface TlsOptions {
  /** Ask clients for a certificate signed by `caPath` and refuse those without. */
  verify: boolean;
  caPath: string | null;
  certPath: string;
  keyPath: string;
}

export interface ApiServerOptions {
  engine: Engine;
  logger: Logger;
  facts: ServerFacts;
  routes: readonly RouteDefinition[];
  /** Called at each connection, before anything is read of it. */
  onConnection?: () => void;
}

export interface ListenOptions {
  /** For tcp hosts; null: plain. */
  tls: TlsOptions | null;
  /** Of unix sockets, by name or number; '' leaves it root's. */
  group: string;
  /** Whether nobody asked for that group: then it need not exist. */
  groupIsDefault: boolean;
}

/** So many bytes may wait for a slow client before their source is paused; Node's 16 KiB is less than one read. */
const STREAM_BUFFER_BYTES = 256 * 1024;

const SERVER_OPTIONS: ServerOptions = {
  highWaterMark: STREAM_BUFFER_BYTES,
  // Uploads may take hours, and pooled clients don't expect an idle connection to be closed under them.
  requestTimeout: 0,
  keepAliveTimeout: 0,
  headersTimeout: 60_000,
  // X-Registry-Config and a full filters parameter are large; Go's limit is 1 MiB.
  maxHeaderSize: 1024 * 1024,
};

const IDLE_SWEEP_MS = 25;

/** Where a request leads to is found once, when its head arrives. */
const LEADS_TO = Symbol('leads to');
type RoutedMessage = IncomingMessage & { [LEADS_TO]?: ResolvedPath | null };

/** The API on any number of sockets. */
export class ApiServer implements AsyncDisposable {
  private readonly servers: (Server | TlsServer)[] = [];
  private readonly hijacked = new Set<Socket>();
  private readonly uploads = new Set<Socket>();

  /** Made by createApiServer. */
  constructor(
    private readonly handle: RequestListener,
    private readonly answered: (request: IncomingMessage, keepsAlive: boolean) => boolean,
    private readonly detaching: (request: IncomingMessage) => 'hijack' | 'upload' | null,
    private readonly longLived: LongLivedRequests,
    private readonly onConnection: () => void,
    private readonly log: Logger,
  ) {}

  /**
   * Listens on one of dockerd's `-H` values and resolves to where it does (`tcp://127.0.0.1:2375`, with the port that the
   * system chose for 0). Throws conflict when a live daemon has the socket, and the system's error otherwise.
   */
  async listen(host: string, options: ListenOptions): Promise<string[]> {
    const address = parseListenAddress(host, options.tls !== null);
    switch (address.kind) {
      case 'unix':
        await bindUnixServer(
          this.newServer(null),
          address.path,
          socketGid(options.group, options.groupIsDefault, this.log),
        );
        return [`unix://${address.path}`];
      case 'tcp': {
        const server = this.newServer(options.tls);
        await bindServer(server, { host: address.host, port: address.port });
        const { address: ip, port, family } = server.address() as AddressInfo;
        return [`tcp://${family === 'IPv6' ? `[${ip}]` : ip}:${port}`];
      }
      case 'fd': {
        const fds = activatedFds().filter((fd) => address.fd === null || address.fd === fd);
        if (fds.length === 0)
          throw invalid('no sockets found via socket activation: make sure the service was started by systemd');
        for (const fd of fds) await bindServer(this.newServer(null), { fd });
        return fds.map((fd) => `fd://${fd}`);
      }
    }
  }

  /**
   * Stops listening, ends the long-lived and hijacked streams, and waits for the other requests in flight, `graceMs` at
   * most; then cuts what is left. Unix sockets are removed.
   */
  async close(graceMs = 5000): Promise<void> {
    const closed = Promise.all(
      this.servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
    );
    for (const controller of this.longLived) controller.abort(cancelled('the daemon is shutting down'));
    for (const socket of this.hijacked) socket.end();
    let open = true;
    void closed.then(() => (open = false));
    const deadline = Date.now() + graceMs;
    while ((open || this.uploads.size > 0) && Date.now() < deadline) {
      for (const server of this.servers) server.closeIdleConnections();
      await Promise.race([closed, delay(IDLE_SWEEP_MS)]);
    }
    for (const server of this.servers) server.closeAllConnections();
    for (const socket of [...this.hijacked, ...this.uploads]) socket.destroy();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private newServer(tls: TlsOptions | null): Server | TlsServer {
    const server = tls
      ? createTlsServer({ ...SERVER_OPTIONS, ...tlsContext(tls), allowHalfOpen: true }, this.handle)
      : createServer(SERVER_OPTIONS, this.handle);
    detachHijacks(
      server,
      this.answered,
      (request) => this.detaching(request) !== null,
      ({ request, response, socket }) => {
        const kind = this.detaching(request) === 'upload' ? this.uploads : this.hijacked;
        kind.add(socket);
        socket.once('close', () => kind.delete(socket));
        this.handle(request, response);
      },
      (request) => new ServerResponse(request),
    );
    server.on('connection', this.onConnection);
    this.servers.push(server);
    return server;
  }
}

/** Builds the API over an engine. It listens nowhere yet. */
export async function createApiServer({
  engine,
  logger,
  facts,
  routes,
  onConnection = () => undefined,
}: ApiServerOptions): Promise<ApiServer> {
  const longLived: LongLivedRequests = new Set();
  const resolver = new PathResolver(routes);
  const resolve = (request: RoutedMessage): ResolvedPath | null => {
    const known = request[LEADS_TO];
    if (known !== undefined) return known;
    return (request[LEADS_TO] = resolver.resolve(request.method ?? '', request.url ?? ''));
  };
  const handle = await createDispatcher(resolve, { engine, log: logger, server: facts, longLived });
  const detaching = (request: IncomingMessage): 'hijack' | 'upload' | null => {
    const found = resolve(request);
    if (!found) return null;
    if (found.route.hijacks) return 'hijack';
    return found.route.uploads && hasBody(request) && !('encrypted' in request.socket) ? 'upload' : null;
  };
  const directReplies = new DirectReplies(routes, facts, engine);
  const answered = (request: IncomingMessage, keepsAlive: boolean): boolean => {
    const found = resolve(request);
    return found !== null && directReplies.answer(request, found, keepsAlive);
  };
  return new ApiServer(handle, answered, detaching, longLived, onConnection, logger);
}

function tlsContext({ verify, caPath, certPath, keyPath }: TlsOptions): object {
  return {
    ca: caPath === null ? undefined : readFileSync(caPath),
    cert: readFileSync(certPath),
    key: readFileSync(keyPath),
    requestCert: verify,
    rejectUnauthorized: verify,
    minVersion: 'TLSv1.2',
  };
}
