import type { IncomingMessage } from 'node:http';
import { errorKind, errorMessage, internal } from '../../shared/errors.js';
import type { Logger } from '../../shared/logger.js';
import { Authorizer, ANONYMOUS, type RegistryIdentity } from './authorizer.js';
import { endpointsFor } from './endpoint.js';
import { InsecureRegistries } from './insecure-registries.js';
import { RegistryClient } from './registry-client.js';
import type { RegistryConfig } from './registry-config.js';
import { RegistryError, registryErrorOf } from './registry-error.js';
import { Transport } from './transport.js';

/** The way to every registry: makes clients as the daemon's options say. Dispose of it to close kept connections. */
export class Registries implements Disposable {
  private config: RegistryConfig;
  private transport: Transport;

  constructor(
    config: RegistryConfig,
    private readonly log: Logger,
  ) {
    this.config = config;
    this.transport = new Transport(config);
  }

  get maxDownloadAttempts(): number {
    return this.config.maxDownloadAttempts;
  }

  /** Takes new options for operations that begin from now on. */
  reload(config: RegistryConfig): void {
    this.config = config;
    this.transport = new Transport(config);
  }

  /**
   * Clients for a repository, in the order in which to try them: mirrors before the registry itself. Credentials go to the
   * registry itself only.
   */
  clients(
    domain: string,
    path: string,
    identity: RegistryIdentity | null,
    actions: 'pull' | 'pull,push',
    mountFrom: readonly string[] = [],
  ): RegistryClient[] {
    const scopes = [`repository:${path}:${actions}`, ...mountFrom.map((from) => `repository:${from}:pull`)];
    const { config, transport } = this;
    return endpointsFor(domain, actions === 'pull' ? 'pull' : 'push', config).map((endpoint) => {
      const who = endpoint.isMirror ? ANONYMOUS : (identity ?? ANONYMOUS);
      return new RegistryClient(endpoint, path, transport, new Authorizer(transport, who, scopes), config);
    });
  }

  /**
   * Runs `attempt` with the first client that works: an endpoint that fails is left for the next one; the last one's
   * error is the one thrown. What the registry itself answers is final, and an abort is not a failure of the endpoint.
   */
  async firstWorking<T>(clients: RegistryClient[], attempt: (client: RegistryClient) => Promise<T>): Promise<T> {
    let failure: unknown = internal('no registry endpoint');
    for (const client of clients) {
      try {
        return await attempt(client);
      } catch (error) {
        if (errorKind(error) === 'cancelled') throw error;
        if (error instanceof RegistryError && !client.endpoint.isMirror) throw error;
        this.log.debug({ endpoint: client.endpoint.apiUrl, reason: errorMessage(error) }, 'registry endpoint failed');
        failure = error;
      }
    }
    throw failure;
  }

  /** Tries credentials on a registry. Throws as dockerd words it when they are refused. */
  async login(domain: string, identity: RegistryIdentity, signal: AbortSignal): Promise<void> {
    const clients = this.clients(domain, '', identity, 'pull,push');
    await this.firstWorking(clients, async ({ endpoint }) => {
      const { tls } = endpoint;
      const url = `${endpoint.apiUrl}/`;
      const authorizer = new Authorizer(this.transport, identity, []);
      const first = await this.transport.send({ method: 'GET', url, tls, headers: endpoint.headers, signal });
      first.resume();
      if (first.statusCode === 200) return;
      await authorizer.challenged(first.headers['www-authenticate'], signal);
      const authorization = await authorizer.authorization(signal);
      const headers = { ...endpoint.headers, ...(authorization === null ? {} : { authorization }) };
      const second = await this.transport.send({ method: 'GET', url, tls, headers, signal });
      if (second.statusCode === 200) return void second.resume();
      const refused = await registryErrorOf(second);
      const status = `${second.statusCode} ${second.statusMessage}`;
      throw internal(`login attempt to ${url} failed with status: ${status}`, refused);
    });
  }

  /** Whether a host may be spoken to over plain HTTP or unverified TLS. */
  isInsecure(authority: string): boolean {
    return new InsecureRegistries(this.config.insecureRegistries).has(authority);
  }

  /** A plain request with the daemon's proxies and certificates: for what is no registry. */
  fetch(url: string, signal: AbortSignal): Promise<IncomingMessage> {
    return this.transport.send({ method: 'GET', url, signal });
  }

  [Symbol.dispose](): void {
    this.transport[Symbol.dispose]();
  }
}
