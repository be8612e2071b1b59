import { closeSync } from 'node:fs';

/** Where a relayed port leads to. */
export interface RelayTarget {
  address: string;
  port: number;
}

/** A port of the host. */
export interface RelayPort {
  proto: 'tcp' | 'udp' | 'sctp';
  /** `0.0.0.0`, `::`, or one of the host's addresses. */
  hostIp: string;
  port: number;
}

/** A port that somebody here wants, or that the relay has. */
export interface PortEntry extends RelayPort {
  target: RelayTarget | null;
  isWanted: boolean;
  /** Bound, and not yet with the relay. */
  fd: number | null;
  /** The relay has the socket, or may have it. */
  isSent: boolean;
  /** Where the relay leads it, as text; null: it does not know. */
  told: string | null;
  /** Why the relay has not been told yet, at the last try. */
  failure: Error | null;
}

/** What the relay knows a port by. */
export const keyOf = ({ proto, hostIp, port }: RelayPort): string => `${proto}/${hostIp}/${port}`;

/** A target as the relay is told it. */
export const textOf = (target: RelayTarget | null): string => (target ? `${target.address} ${target.port}` : '- 0');

/** Whether the relay is to be told something. */
export const isDue = ({ isWanted, told, target }: PortEntry): boolean => !isWanted || told !== textOf(target);

export function closeLocal(entry: PortEntry): void {
  if (entry.fd !== null) closeSync(entry.fd);
  entry.fd = null;
}
