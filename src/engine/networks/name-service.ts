import { inNetns } from '../../host/sys/namespaces.js';
import { type DnsAnswer, type DnsQuery, RCODE } from '../../host/dns/dns-message.js';
import { DnsServer } from '../../host/dns/dns-server.js';
import type { DnsSockets } from '../../host/dns/dns-sockets.js';
import { openNameService } from '../../host/dns/open-name-service.js';
import type { UpstreamServer } from '../../host/dns/udp-upstream.js';
import { Upstreams } from '../../host/dns/upstream.js';
import type { Logger } from '../../shared/logger.js';
import type { Sandbox } from './model.js';
import { NameIndex } from './name-index.js';
import { gatewayEndpoint } from './default-routes.js';
import { resolveName } from './resolve-name.js';

/** What a container says about name service, asked anew at each query, since the host's changes under a running container. */
export interface NameServiceSettings {
  /** Other servers, in order. */
  servers: () => UpstreamServer[];
  /** `ndots` was set by the user or the host, so a name without dots is never asked for elsewhere and has no records. */
  ndotsSet: () => boolean;
}

interface Running {
  sandbox: Sandbox;
  server: DnsServer;
  upstreams: Upstreams;
}

const answered = (code: number): DnsAnswer => ({ code, ttlSec: 0, records: [] });

/**
 * The resolvers at 127.0.0.11 in the namespaces of containers on user-defined networks. They are sockets of this process: without
 * the daemon nobody answers, and `open` after its next start takes up the same ports again.
 */
export class NameService {
  readonly index = new NameIndex();
  private readonly running = new Map<string, Running>();

  constructor(
    private readonly settingsOf: (containerId: string) => NameServiceSettings,
    private readonly log: Logger,
  ) {}

  /** Serves a sandbox at sockets that were opened in its namespace. */
  serve(sandbox: Sandbox, sockets: DnsSockets): void {
    this.close(sandbox.containerId);
    const settings = this.settingsOf(sandbox.containerId);
    const upstreams = new Upstreams(sandbox.sandboxKey);
    const answer = (query: DnsQuery, overTcp: boolean): DnsAnswer | Promise<DnsAnswer | Buffer> =>
      this.answer(sandbox, settings, upstreams, query, overTcp);
    const server = new DnsServer(sockets, answer, this.log.child({ container: sandbox.containerId }));
    this.running.set(sandbox.containerId, { sandbox, server, upstreams });
  }

  /** Starts or ends the service of a running sandbox, as its networks want it. */
  adjust(sandbox: Sandbox): void {
    if (!needsNameService(sandbox)) this.close(sandbox.containerId);
    else if (!this.running.has(sandbox.containerId)) this.open(sandbox);
  }

  /** Does nothing for a container that is not served. */
  close(containerId: string): void {
    const running = this.running.get(containerId);
    this.running.delete(containerId);
    running?.server[Symbol.dispose]();
    running?.upstreams[Symbol.dispose]();
  }

  closeAll(): void {
    for (const containerId of [...this.running.keys()]) this.close(containerId);
  }

  private open(sandbox: Sandbox): void {
    try {
      this.serve(
        sandbox,
        inNetns(sandbox.sandboxKey, () => openNameService(sandbox.sandboxId, false)),
      );
    } catch (err) {
      this.log.error({ err, container: sandbox.containerId }, 'a container is without name service');
    }
  }

  private answer(
    sandbox: Sandbox,
    { servers, ndotsSet }: NameServiceSettings,
    upstreams: Upstreams,
    query: DnsQuery,
    overTcp: boolean,
  ): DnsAnswer | Promise<DnsAnswer | Buffer> {
    const known = resolveName(this.index, sandbox.endpoints, query);
    if (known) return known;
    if (!query.name.includes('.') && ndotsSet()) return answered(RCODE.noError);
    // Without a way out there is none for questions either: they could carry anything to anybody.
    if (!gatewayEndpoint(sandbox.endpoints)) return answered(RCODE.serverFailure);
    return upstreams.forward(query, servers(), overTcp);
  }
}

/** Containers on the predefined networks only use the host's servers themselves. */
export function needsNameService({ endpoints }: Sandbox): boolean {
  return endpoints.some(({ dnsNames }) => dnsNames !== null);
}
