import { check, libcFunction } from './libc.js';

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const call = libcFunction<(fd: number, level: number, name: number, value: Buffer, length: Buffer) => number>(
  'getsockopt',
  'int',
  ['int', 'int', 'int', 'void *', 'void *'],
);

/** Who is at the other end of a connected unix socket: the ids that it had when it connected. */
export function peerCredentials(fd: number): { pid: number; uid: number; gid: number } {
  const value = Buffer.alloc(12);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(value.length);
  check(call(fd, SOL_SOCKET, SO_PEERCRED, value, length), 'getsockopt');
  return { pid: value.readInt32LE(0), uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) };
}
