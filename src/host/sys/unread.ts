import { ioctl } from './ioctl.js';

const SIOCOUTQ = 0x5411;

/**
 * How much of what was written to a socket is still on its way: of a unix socket, memory of what the peer has not read; of a TCP socket, bytes
 * that the peer's kernel has not acknowledged. 0 for a descriptor that can't tell. Source: unix(7), tcp(7).
 */
export function unreadByPeer(fd: number): number {
  const amount = Buffer.alloc(4);
  return ioctl(fd, SIOCOUTQ, amount) < 0 ? 0 : amount.readInt32LE(0);
}
