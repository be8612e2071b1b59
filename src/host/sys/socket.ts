import { closeSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { constants } from 'node:os';
import { check, lastErrno, libcFunction, systemError } from './libc.js';

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0o2000000;

const IPPROTO = { tcp: 6, udp: 17, sctp: 132 } as const;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_RCVTIMEO = 20;

const socketCall = libcFunction<(domain: number, type: number, protocol: number) => number>('socket', 'int', [
  'int',
  'int',
  'int',
]);
const bindCall = libcFunction<(fd: number, address: Buffer, length: number) => number>('bind', 'int', [
  'int',
  'const void *',
  'uint32',
]);
type SendTo = [fd: number, data: Buffer, size: number, flags: number, address: Buffer | null, length: number];
const sendtoCall = libcFunction<
  ((...args: SendTo) => number) & {
    async(...args: [...SendTo, done: (error: Error | null, sent: number) => void]): void;
  }
>('sendto', 'intptr_t', ['int', 'const void *', 'size_t', 'int', 'const void *', 'uint32']);
const recvCall = libcFunction<(fd: number, data: Buffer, size: number, flags: number) => number>('recv', 'intptr_t', [
  'int',
  'void *',
  'size_t',
  'int',
]);
const setsockoptCall = libcFunction<(fd: number, level: number, name: number, value: Buffer, length: number) => number>(
  'setsockopt',
  'int',
  ['int', 'int', 'int', 'const void *', 'uint32'],
);

const getsockoptCall = libcFunction<(fd: number, level: number, name: number, value: Buffer, length: Buffer) => number>(
  'getsockopt',
  'int',
  ['int', 'int', 'int', 'void *', 'void *'],
);

/** socket(2), close-on-exec and blocking. The caller closes it with fs.closeSync. */
export function openSocket(domain: number, type: number, protocol: number): number {
  return check(socketCall(domain, type | SOCK_CLOEXEC, protocol), 'socket');
}

/** bind(2) with a raw sockaddr. */
export function bindAddress(fd: number, address: Buffer, shown: string): void {
  check(bindCall(fd, address, address.length), 'bind', shown);
}

/** setsockopt(2) with a 32-bit value. */
export function setSocketOption(fd: number, level: number, name: number, value: number): void {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(value);
  check(setsockoptCall(fd, level, name, buffer, 4), 'setsockopt');
}

/** getsockopt(2) into a buffer, of which the kernel may read first. */
export function getSocketOption(fd: number, level: number, name: number, value: Buffer): void {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(value.length);
  check(getsockoptCall(fd, level, name, value, length), 'getsockopt');
}

/** send(2) or, with an address, sendto(2). Interrupted calls are made again. */
export function sendTo(fd: number, data: Buffer, address: Buffer | null = null): void {
  for (;;) {
    if (sendtoCall(fd, data, data.length, 0, address, address?.length ?? 0) >= 0) return;
    const errno = lastErrno();
    if (errno !== constants.errno.EINTR) throw systemError(errno, 'sendto');
  }
}

/**
 * As `sendTo`, on a thread: for sockets whose other end works within the call, as netlink's does. The data must not be changed meanwhile.
 * Rejects with EIO whatever the reason, since the thread's is not to be had.
 */
export function sendToAside(fd: number, data: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    sendtoCall.async(fd, data, data.length, 0, null, 0, (error, sent) => {
      if (error === null && sent >= 0) resolve();
      else reject(error ?? systemError(constants.errno.EIO, 'sendto'));
    });
  });
}

/** Makes `receive` on a socket throw EAGAIN after so long. */
export function setReceiveTimeout(fd: number, timeoutMs: number): void {
  const value = Buffer.alloc(16);
  value.writeBigInt64LE(BigInt(Math.floor(timeoutMs / 1000)), 0);
  value.writeBigInt64LE(BigInt((timeoutMs % 1000) * 1000), 8);
  check(setsockoptCall(fd, SOL_SOCKET, SO_RCVTIMEO, value, value.length), 'setsockopt');
}

/**
 * recv(2) of one datagram into the buffer; blocks this thread. Throws EMSGSIZE when it does not fit. Returns its length, or
 * null when there is none and `wait` is false.
 */
export function receive(fd: number, buffer: Buffer, wait: true): number;
export function receive(fd: number, buffer: Buffer, wait: boolean): number | null;
export function receive(fd: number, buffer: Buffer, wait: boolean): number | null {
  for (;;) {
    const length = recvCall(fd, buffer, buffer.length, MSG_TRUNC | (wait ? 0 : MSG_DONTWAIT));
    if (length > buffer.length) throw systemError(constants.errno.EMSGSIZE, 'recv');
    if (length >= 0) return length;
    const errno = lastErrno();
    if (errno === constants.errno.EAGAIN && !wait) return null;
    if (errno !== constants.errno.EINTR) throw systemError(errno, 'recv');
  }
}

/**
 * A socket bound to a port on the host; the caller closes it. Nobody else gets the port, and a connection to it is refused unless somebody
 * listens or the firewall leads it elsewhere. `serves`: it is going to be listened on, so connections of a former process that linger at the
 * port don't matter; else SO_REUSEADDR stays off, or another process could bind beside us. Throws EADDRINUSE, EADDRNOTAVAIL, EACCES.
 */
export function openBoundPort(proto: keyof typeof IPPROTO, address: string, port: number, serves: boolean): number {
  const v6 = isIPv6(address);
  const type = proto === 'udp' ? SOCK_DGRAM : SOCK_STREAM;
  const fd = openSocket(v6 ? AF_INET6 : AF_INET, type, IPPROTO[proto]);
  try {
    if (v6) setSocketOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (serves && proto === 'tcp') setSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    bindAddress(fd, socketAddress(address, port), `${address}:${port}`);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Whether this host speaks IPv6, so that `::` can be bound to. */
export function hasIpv6(): boolean {
  try {
    closeSync(openBoundPort('udp', '::1', 0, false));
    return true;
  } catch {
    return false;
  }
}

/** struct sockaddr_in or sockaddr_in6. */
export function socketAddress(address: string, port: number): Buffer {
  const bytes = ipToBytes(address);
  const result = Buffer.alloc(bytes.length === 4 ? 16 : 28);
  result.writeUInt16LE(bytes.length === 4 ? AF_INET : AF_INET6, 0);
  result.writeUInt16BE(port, 2);
  bytes.copy(result, bytes.length === 4 ? 4 : 8);
  return result;
}

/** An IP address in network order, 4 or 16 bytes. Throws EINVAL for anything else. */
export function ipToBytes(address: string): Buffer {
  const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address);
  if (v4) return Buffer.from(v4.slice(1).map(Number));
  if (!isIPv6(address)) throw systemError(constants.errno.EINVAL, 'inet_pton', address);
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  const text = dotted
    ? `${dotted[1]}${ipToBytes(dotted[2] ?? '')
        .toString('hex')
        .replace(/^(.{4})/, '$1:')}`
    : address;
  const [head = '', tail] = text.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  const result = Buffer.alloc(16);
  groups.forEach((group, index) => result.writeUInt16BE(parseInt(group, 16), index * 2));
  return result;
}

/** The text of an address of 4 or 16 bytes, shortened as RFC 5952 says. */
export function ipFromBytes(bytes: Buffer): string {
  if (bytes.length === 4) return [...bytes].join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2));
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (best.start < 0) return hex(groups);
  return `${hex(groups.slice(0, best.start))}::${hex(groups.slice(best.start + best.length))}`;
}
