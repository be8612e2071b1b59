import { readFileSync } from 'node:fs';
import type { RelayTarget } from '../../host/relay/port-entry.js';
import { internal, WharfError } from '../../shared/errors.js';
import { systemErrorText } from './system-error-text.js';

export type PortProtocol = 'tcp' | 'udp' | 'sctp';

/** A port of the host that is wanted: one, any of a range, or (`first` 0) an ephemeral one. */
export interface PortRequest {
  proto: PortProtocol;
  /** The addresses that all get the same port: `0.0.0.0`, `::`, or one of the host's. */
  hostIps: string[];
  first: number;
  last: number;
  /** Where it will lead, for the error text: `172.17.0.2:80`. */
  target: string;
  /** By host address: where the relay passes on what comes there. Others are left to the kernel. */
  relays: ReadonlyMap<string, RelayTarget>;
}

/**
 * Takes a port from the operating system, and serves it where there is a target; throws a system error when it is not to be had. One that is
 * readopted may be taken later, when who has it meanwhile has given it back.
 */
export type ReservePort = (
  proto: PortProtocol,
  hostIp: string,
  port: number,
  relay: RelayTarget | undefined,
  isReadopted: boolean,
) => Disposable;

interface Held {
  hostIp: string;
  reservation: Disposable;
}

const isWildcard = (ip: string): boolean => ip === '0.0.0.0' || ip === '::';

const clash = (one: string, other: string): boolean =>
  one.includes(':') === other.includes(':') && (one === other || isWildcard(one) || isWildcard(other));

/**
 * Who has which port of the host. Each port is also bound (not listened on), so that a process of the host can't take it, and
 * one that has it is noticed. Ephemeral ports go round, as dockerd's do, so that a port just freed is not reused at once.
 */
export class PortAllocator {
  /** By protocol and port. */
  private readonly held = new Map<string, Held[]>();
  private readonly next = new Map<PortProtocol, number>();

  constructor(
    private readonly reserve: ReservePort,
    private readonly ephemeralRange: () => [number, number] = localPortRange,
  ) {}

  /** Takes a port on all the addresses or on none. Throws in dockerd's words. */
  allocate(request: PortRequest): number {
    if (request.first !== 0) return this.firstOf(request, range(request.first, request.last));
    const [low, high] = this.ephemeralRange();
    const start = Math.max(low, Math.min(this.next.get(request.proto) ?? low, high));
    const port = this.firstOf(request, around(low, start, high));
    this.next.set(request.proto, port === high ? low : port + 1);
    return port;
  }

  /** Takes a port again that was allocated before the daemon was restarted. Throws when another container has it by now. */
  readopt(proto: PortProtocol, hostIp: string, port: number, relay?: RelayTarget): void {
    const relays = new Map(relay ? [[hostIp, relay]] : []);
    this.take({ proto, hostIps: [hostIp], first: port, last: port, target: '', relays }, port, true);
  }

  /** Gives a port back; one that is not held is fine. */
  release(proto: PortProtocol, hostIp: string, port: number): void {
    const holders = this.holdersOf(proto, port);
    const left = holders.filter((one) => one.hostIp !== hostIp);
    if (left.length > 0) this.held.set(`${proto} ${port}`, left);
    else this.held.delete(`${proto} ${port}`);
    for (const one of holders) if (one.hostIp === hostIp) one.reservation[Symbol.dispose]();
  }

  releaseAll(): void {
    for (const holders of this.held.values()) for (const { reservation } of holders) reservation[Symbol.dispose]();
    this.held.clear();
  }

  private firstOf(request: PortRequest, candidates: Iterable<number>): number {
    let failure: Error | undefined;
    for (const port of candidates) {
      try {
        this.take(request, port);
        return port;
      } catch (error) {
        if (!(error instanceof WharfError)) throw error;
        failure = error;
      }
    }
    throw failure ?? internal('all ports are allocated');
  }

  private take({ proto, hostIps, target, relays }: PortRequest, port: number, isReadopted = false): void {
    const taken: Held[] = [];
    try {
      for (const hostIp of hostIps) {
        const other = this.holdersOf(proto, port).find((one) => clash(one.hostIp, hostIp));
        if (other) throw internal(`Bind for ${other.hostIp}:${port} failed: port is already allocated`);
        const reservation = this.bind(proto, hostIp, port, target, relays.get(hostIp), isReadopted);
        taken.push({ hostIp, reservation });
      }
    } catch (error) {
      for (const { reservation } of taken) reservation[Symbol.dispose]();
      throw error;
    }
    this.held.set(`${proto} ${port}`, [...this.holdersOf(proto, port), ...taken]);
  }

  private holdersOf(proto: PortProtocol, port: number): readonly Held[] {
    return this.held.get(`${proto} ${port}`) ?? [];
  }

  private bind(
    proto: PortProtocol,
    hostIp: string,
    port: number,
    target: string,
    relay: RelayTarget | undefined,
    isReadopted: boolean,
  ): Disposable {
    try {
      return this.reserve(proto, hostIp, port, relay, isReadopted);
    } catch (error) {
      const what = `${shown(hostIp)}:${port}${target === '' ? '' : `:${target}`}/${proto}`;
      throw internal(`failed to bind host port for ${what}: ${systemErrorText(error)}`, error);
    }
  }
}

const shown = (ip: string): string => (ip.includes(':') ? `[${ip}]` : ip);

function* range(first: number, last: number): Iterable<number> {
  for (let port = first; port <= last; port++) yield port;
}

/** All of a range once, from `start` on. */
function* around(low: number, start: number, high: number): Iterable<number> {
  yield* range(start, high);
  yield* range(low, start - 1);
}

/** The host's ephemeral ports; IANA's where the kernel does not say. */
export function localPortRange(): [number, number] {
  try {
    const [low = 0, high = 0] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
      .trim()
      .split(/\s+/)
      .map(Number);
    if (low > 0 && high >= low) return [low, high];
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw error;
  }
  return [49_153, 65_535];
}

/** `''`, `0`, `80` or `8000-8010` as numbers. Throws invalid for anything else. */
export function parseHostPort(text: string): { first: number; last: number } {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text === '' ? '0' : text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? first);
  if (!match || last > 65_535 || first > last) throw new WharfError('invalid', `invalid port range: "${text}"`);
  return { first, last };
}
