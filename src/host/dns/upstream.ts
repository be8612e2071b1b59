import { randomInt } from 'node:crypto';
import { answersQuestion, codeOf, type DnsAnswer, type DnsQuery, RCODE } from './dns-message.js';
import { askOverTcp } from './tcp-upstream.js';
import { type UpstreamServer, UdpUpstream } from './udp-upstream.js';

/** How long a server may take; as dockerd has it. */
const ANSWER_TIMEOUT_MS = 4000;
/** A server that says nothing for so long is not given up, but the next one is asked too. */
const HEDGE_AFTER_MS = 1500;
/** Source: resolv.conf(5), MAXNS. */
const MAX_SERVERS = 3;
/** A socket's port is guessed sooner or later, so it serves so many queries and so long. */
const QUERIES_PER_SOCKET = 64;
const SOCKET_LIFE_MS = 5000;

interface Pooled {
  upstream: UdpUpstream;
  queriesLeft: number;
  bornAtMs: number;
}

/**
 * Passes queries of one namespace on to other servers. They leave from that namespace, so that its routes and its firewall count,
 * or from the daemon's, as each server wants it. Disposing gives up on what is not answered.
 */
export class Upstreams implements Disposable {
  private readonly pool = new Map<string, Pooled>();
  private closed = false;

  constructor(private readonly netnsPath: string) {}

  /**
   * The answer of the first server that has one, with the query's id. A server that fails, refuses or can't be reached is
   * passed over; when all are, the answer is what the last of them said, or a failure.
   */
  forward(query: DnsQuery, servers: readonly UpstreamServer[], overTcp: boolean): Promise<DnsAnswer | Buffer> {
    const candidates = servers.slice(0, MAX_SERVERS);
    return new Promise((resolve) => {
      let [next, waiting] = [0, 0];
      let refusal: Buffer | null = null;
      let settled = false;
      let hedge: NodeJS.Timeout | undefined;
      const settle = (answer: DnsAnswer | Buffer): void => {
        settled = true;
        clearTimeout(hedge);
        resolve(answer);
      };
      const passOver = (answer: Buffer | null): void => {
        waiting--;
        if (settled) return;
        refusal = answer ?? refusal;
        if (next < candidates.length) askNext();
        else if (waiting === 0) settle(refusal ?? { code: RCODE.serverFailure, ttlSec: 0, records: [] });
      };
      const askNext = (): void => {
        const server = candidates[next++];
        clearTimeout(hedge);
        if (!server) return;
        waiting++;
        hedge = setTimeout(askNext, HEDGE_AFTER_MS);
        this.ask(server, query, overTcp).then(
          (answer) => {
            if (isRefusal(answer)) return passOver(answer);
            if (!settled) settle(answer);
          },
          () => passOver(null),
        );
      };
      if (candidates.length === 0) settle({ code: RCODE.serverFailure, ttlSec: 0, records: [] });
      else askNext();
    });
  }

  [Symbol.dispose](): void {
    this.closed = true;
    for (const { upstream } of this.pool.values()) upstream[Symbol.dispose]();
    this.pool.clear();
  }

  private async ask(server: UpstreamServer, query: DnsQuery, overTcp: boolean): Promise<Buffer> {
    if (this.closed) throw new Error('the namespace is gone');
    const netnsPath = server.fromHost ? null : this.netnsPath;
    const message = Buffer.from(query.bytes);
    const matches = (answer: Buffer): boolean => answersQuestion(query, answer);
    const answer = overTcp
      ? await askOverTcp(netnsPath, server, withId(message, randomInt(0x10000)), matches, ANSWER_TIMEOUT_MS)
      : await this.socketFor(server, netnsPath).ask(message, matches, ANSWER_TIMEOUT_MS);
    return withId(answer, query.id);
  }

  private socketFor(server: UpstreamServer, netnsPath: string | null): UdpUpstream {
    const key = `${server.address} ${server.fromHost}`;
    const pooled = this.pool.get(key);
    const now = performance.now();
    if (pooled && pooled.queriesLeft > 0 && now - pooled.bornAtMs < SOCKET_LIFE_MS && pooled.upstream.isOpen) {
      pooled.queriesLeft--;
      return pooled.upstream;
    }
    pooled?.upstream.retire();
    const upstream = UdpUpstream.open(netnsPath, server, SOCKET_LIFE_MS);
    this.pool.set(key, { upstream, queriesLeft: QUERIES_PER_SOCKET - 1, bornAtMs: now });
    return upstream;
  }
}

function isRefusal(answer: Buffer): boolean {
  const code = codeOf(answer);
  return code === RCODE.serverFailure || code === RCODE.refused;
}

function withId(message: Buffer, id: number): Buffer {
  message.writeUInt16BE(id, 0);
  return message;
}
