import { readFileSync } from 'node:fs';
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
}

/** Takes a port from the operating system; throws a system error when it is not to be had. */
export type ReservePort = (proto: PortProtocol, hostIp: string, port: number) => Disposable;

interface Held {
  proto: PortProtocol;
  hostIp: string;
  port: number;
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
  private readonly held: Held[] = [];
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

  /** Takes a port again that was allocated before the daemon was restarted. Throws when somebody has it by now. */
  readopt(proto: PortProtocol, hostIp: string, port: number): void {
    this.take({ proto, hostIps: [hostIp], first: port, last: port, target: '' }, port);
  }

  /** Gives a port back; one that is not held is fine. */
  release(proto: PortProtocol, hostIp: string, port: number): void {
    const index = this.held.findIndex((one) => one.proto === proto && one.hostIp === hostIp && one.port === port);
    if (index < 0) return;
    const [former] = this.held.splice(index, 1);
    former?.reservation[Symbol.dispose]();
  }

  releaseAll(): void {
    for (const { reservation } of this.held.splice(0)) reservation[Symbol.dispose]();
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

  private take({ proto, hostIps, target }: PortRequest, port: number): void {
    const taken: Held[] = [];
    try {
      for (const hostIp of hostIps) {
        const other = this.held.find((one) => one.proto === proto && one.port === port && clash(one.hostIp, hostIp));
        if (other) throw internal(`Bind for ${shown(other.hostIp)}:${port} failed: port is already allocated`);
        taken.push({ proto, hostIp, port, reservation: this.bind(proto, hostIp, port, target) });
      }
    } catch (error) {
      for (const { reservation } of taken) reservation[Symbol.dispose]();
      throw error;
    }
    this.held.push(...taken);
  }

  private bind(proto: PortProtocol, hostIp: string, port: number, target: string): Disposable {
    try {
      return this.reserve(proto, hostIp, port);
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
