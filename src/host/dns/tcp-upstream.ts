import { isIPv6, Socket } from 'node:net';
import { inNetns } from '../sys/namespaces.js';
import { AF_INET, AF_INET6, openSocket, SOCK_STREAM } from '../sys/socket.js';
import { withLength } from './dns-server.js';
import { numericLookup } from './numeric-lookup.js';
import type { UpstreamServer } from './udp-upstream.js';

const DNS_PORT = 53;

/** Asks a server over a connection of its own from a namespace (null: the daemon's). Rejects after the time-out. */
export function askOverTcp(
  netnsPath: string | null,
  { address }: UpstreamServer,
  message: Buffer,
  matches: (answer: Buffer) => boolean,
  timeoutMs: number,
): Promise<Buffer> {
  const open = (): number => openSocket(isIPv6(address) ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
  const fd = netnsPath === null ? open() : inNetns(netnsPath, open);
  return new Promise<Buffer>((resolve, reject) => {
    const socket = new Socket({ fd, readable: true, writable: true, manualStart: true } as ConstructorParameters<
      typeof Socket
    >[0]);
    const timer = setTimeout(() => socket.destroy(new Error('no answer in time')), timeoutMs);
    let received: Buffer = Buffer.alloc(0);
    socket.on('data', (data) => {
      received = Buffer.concat([received, data]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const answer = Buffer.from(received.subarray(2, 2 + received.readUInt16BE(0)));
      if (matches(answer)) resolve(answer);
      socket.destroy(new Error('the server answered something else'));
    });
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      reject(new Error('the server hung up'));
    });
    socket.connect({ port: DNS_PORT, host: address, lookup: numericLookup });
    socket.write(withLength(message));
  });
}
