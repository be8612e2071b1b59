import { getSocketOption } from './socket.js';

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

/** Who is at the other end of a connected unix socket: the ids that it had when it connected. */
export function peerCredentials(fd: number): { pid: number; uid: number; gid: number } {
  const value = Buffer.alloc(12);
  getSocketOption(fd, SOL_SOCKET, SO_PEERCRED, value);
  return { pid: value.readInt32LE(0), uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) };
}
