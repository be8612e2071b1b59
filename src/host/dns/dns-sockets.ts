import { closeSync } from 'node:fs';
import {
  AF_INET,
  bindAddress,
  openSocket,
  setSocketOption,
  SOCK_DGRAM,
  SOCK_STREAM,
  socketAddress,
} from '../sys/socket.js';

const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;

/** The address at which containers on user-defined networks find name service. */
export const DNS_ADDRESS = '127.0.0.11';

/**
 * Ports above those that the kernel gives to outgoing connections (up to 60999), so that a container which does not know of
 * the resolver is unlikely to want one of them.
 */
const FIRST_PORT = 61_000;
const PORT_COUNT = 4000;

/** Sockets of a namespace, open and bound; whoever takes the descriptors over closes them. */
export interface DnsSockets {
  udpFd: number;
  tcpFd: number;
  udpPort: number;
  tcpPort: number;
}

/** The port that a namespace's resolver prefers: always the same, so that flows which the kernel remembers stay right. */
export function preferredPort(sandboxId: string): number {
  return FIRST_PORT + (parseInt(sandboxId.slice(0, 8), 16) % PORT_COUNT);
}

/**
 * Opens the resolver's sockets in the namespace that this thread is in, at the preferred port or, where a program of the
 * container has it, at one of the next. Synchronous, for use inside `createNetns` and `inNetns`. Throws the last error.
 */
export function openDnsSockets(preferred: number): DnsSockets {
  const udp = openBound(SOCK_DGRAM, preferred);
  try {
    const tcp = openBound(SOCK_STREAM, preferred);
    return { udpFd: udp.fd, tcpFd: tcp.fd, udpPort: udp.port, tcpPort: tcp.port };
  } catch (error) {
    closeSync(udp.fd);
    throw error;
  }
}

function openBound(type: number, preferred: number): { fd: number; port: number } {
  const fd = openSocket(AF_INET, type, 0);
  try {
    // With TCP, connections of the daemon before this one may linger at the port.
    if (type === SOCK_STREAM) setSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    return { fd, port: bindNear(fd, preferred) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function bindNear(fd: number, preferred: number): number {
  const attempts = 20;
  for (let attempt = 0; ; attempt++) {
    const port = FIRST_PORT + ((preferred - FIRST_PORT + attempt) % PORT_COUNT);
    try {
      bindAddress(fd, socketAddress(DNS_ADDRESS, port), `${DNS_ADDRESS}:${port}`);
      return port;
    } catch (error) {
      if (attempt === attempts) throw error;
    }
  }
}
