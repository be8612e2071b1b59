import { closeSync } from 'node:fs';
import { AF_UNIX, openSocket, sendTo, SOCK_DGRAM } from './socket.js';

/**
 * Tells the service manager about the state of this process (`READY=1`, `STOPPING=1`, `STATUS=…`); several lines may be sent
 * at once. Returns false when nobody wants to know (no NOTIFY_SOCKET). Throws when the socket is there but can't be reached.
 * Source: sd_notify(3).
 */
export function sdNotify(state: string, socketPath: string | undefined = process.env['NOTIFY_SOCKET']): boolean {
  if (socketPath === undefined || !/^[/@]./.test(socketPath)) return false;
  const name = Buffer.from(socketPath);
  if (name[0] === 0x40) name[0] = 0;
  const address = Buffer.alloc(2 + name.length);
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  const fd = openSocket(AF_UNIX, SOCK_DGRAM, 0);
  try {
    sendTo(fd, Buffer.from(state), address);
  } finally {
    closeSync(fd);
  }
  return true;
}
