import { errorKind, errorMessage, internal } from '../../shared/errors.js';
import type { Logger } from '../../shared/logger.js';
import { Authorizer, ANONYMOUS, type RegistryIdentity } from './authorizer.js';
import { endpointsFor, tlsFor } from './endpoint.js';
import { InsecureRegistries } from './insecure-registries.js';
import { RegistryClient } from './registry-client.js';
import type { RegistryConfig } from './registry-config.js';
import { registryErrorOf } from './registry-error.js';
import { Transport } from './transport.js';

/** The way to every registry: makes clients as the daemon's options say. Dispose of it to close kept connections. */
export class Registries implements Disposable {
  private config: RegistryConfig;
  private insecure: InsecureRegistries;
  private transport: Transport;

  constructor(
    config: RegistryConfig,
    private readonly log: Logger,
  ) {
    this.config = config;
    this.insecure = new InsecureRegistries(config.insecureRegistries);
    this.transport = this.newTransport();
  }

  get maxDownloadAttempts(): number {
    return this.config.maxDownloadAttempts;
  }

  /** Takes new options for operations that begin from now on. */
  reload(config: RegistryConfig): void {
    this.config = config;
    this.insecure = new InsecureRegistries(config.insecureRegistries);
    this.transport = this.newTransport();
  }

  /**
   * Clients for a repository, in the order in which to try them: mirrors (for Docker Hub only, and for reading only)
   * before the registry itself. Credentials go to the registry itself only.
   */
  clients(
    domain: string,
    path: string,
    identity: RegistryIdentity | null,
    actions: 'pull' | 'pull,push',
    mountFrom: readonly string[] = [],
  ): RegistryClient[] {
    const mirrors = actions === 'pull' ? this.config.mirrors : [];
    const scopes = [`repository:${path}:${actions}`, ...mountFrom.map((from) => `repository:${from}:pull`)];
    return endpointsFor(domain, mirrors, this.config.certsDir, this.insecure).map((endpoint) => {
      const who = endpoint.isMirror ? ANONYMOUS : (identity ?? ANONYMOUS);
      return new RegistryClient(endpoint, path, this.transport, new Authorizer(this.transport, who, scopes));
    });
  }

  /**
   * Runs `attempt` with the first client that works: an endpoint that fails is left for the next one; the last one's
   * error is the one thrown. An abort is not a failure of the endpoint.
   */
  async firstWorking<T>(clients: RegistryClient[], attempt: (client: RegistryClient) => Promise<T>): Promise<T> {
    let failure: unknown = internal('no registry endpoint');
    for (const client of clients) {
      try {
        return await attempt(client);
      } catch (error) {
        if (errorKind(error) === 'cancelled') throw error;
        this.log.debug({ endpoint: client.endpoint.baseUrl, reason: errorMessage(error) }, 'registry endpoint failed');
        failure = error;
      }
    }
    throw failure;
  }

  /** Tries credentials on a registry. Throws as dockerd words it when they are refused. */
  async login(domain: string, identity: RegistryIdentity, signal: AbortSignal): Promise<void> {
    const endpoints = endpointsFor(domain, [], this.config.certsDir, this.insecure);
    const clients = endpoints.map(
      (endpoint) => new RegistryClient(endpoint, '', this.transport, new Authorizer(this.transport, identity, [])),
    );
    await this.firstWorking(clients, async (client) => {
      const url = `${client.endpoint.baseUrl}/v2/`;
      const authorizer = new Authorizer(this.transport, identity, []);
      const first = await this.transport.send({ method: 'GET', url, signal });
      first.resume();
      if (first.statusCode === 200) return;
      await authorizer.challenged(first, signal);
      const authorization = await authorizer.authorization(signal);
      const headers = authorization === null ? {} : { authorization };
      const second = await this.transport.send({ method: 'GET', url, headers, signal });
      if (second.statusCode === 200) return void second.resume();
      const refused = await registryErrorOf(second);
      const status = `${second.statusCode} ${second.statusMessage}`;
      throw internal(`login attempt to ${url} failed with status: ${status}`, refused);
    });
  }

  [Symbol.dispose](): void {
    this.transport[Symbol.dispose]();
  }

  private newTransport(): Transport {
    const { certsDir, userAgent } = this.config;
    const { insecure } = this;
    return new Transport({ userAgent, tlsFor: (authority) => tlsFor(authority, certsDir, insecure) });
  }
}
