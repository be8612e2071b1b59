import { constants } from 'node:os';
import { lastErrno, libcFunction, systemError } from './libc.js';

const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const POLLIN = 1;
const POLLOUT = 4;

const recvCall = libcFunction<(fd: number, data: Buffer, size: number, flags: number) => number>('recv', 'intptr_t', [
  'int',
  'void *',
  'size_t',
  'int',
]);
const sendCall = libcFunction<(fd: number, data: Buffer, size: number, flags: number) => number>('send', 'intptr_t', [
  'int',
  'const void *',
  'size_t',
  'int',
]);
const pollCall = libcFunction<(fds: Buffer, count: number, timeoutMs: number) => number>('poll', 'int', [
  'void *',
  'unsigned long',
  'int',
]);

/**
 * Reads what a stream socket has, without waiting. 0: the peer has ended; null: nothing is there at the moment, which fs.readSync
 * tells by an exception that costs more than reading.
 */
export function receiveAvailable(fd: number, buffer: Buffer): number | null {
  for (;;) {
    const bytes = recvCall(fd, buffer, buffer.length, MSG_DONTWAIT);
    if (bytes >= 0) return bytes;
    const errno = lastErrno();
    if (errno === constants.errno.EAGAIN) return null;
    if (errno !== constants.errno.EINTR) throw systemError(errno, 'recv');
  }
}

/** Writes what a stream socket has room for, without waiting; null: it has none. Throws EPIPE or ECONNRESET when the peer is gone. */
export function sendAvailable(fd: number, data: Buffer): number | null {
  for (;;) {
    const bytes = sendCall(fd, data, data.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (bytes >= 0) return bytes;
    const errno = lastErrno();
    if (errno === constants.errno.EAGAIN) return null;
    if (errno !== constants.errno.EINTR) throw systemError(errno, 'send');
  }
}

/** Blocks the thread until a descriptor has something to read, its end and errors among that, or the time is over (false). */
export function waitReadable(fd: number, timeoutMs: number): boolean {
  return poll(fd, POLLIN, timeoutMs);
}

/** Blocks the thread until a descriptor has room, or is broken, or the time is over (false). */
export function waitWritable(fd: number, timeoutMs: number): boolean {
  return poll(fd, POLLOUT, timeoutMs);
}

function poll(fd: number, events: number, timeoutMs: number): boolean {
  const entry = Buffer.alloc(8);
  entry.writeInt32LE(fd, 0);
  entry.writeInt16LE(events, 4);
  return pollCall(entry, 1, timeoutMs) > 0;
}
