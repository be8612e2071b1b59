import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { unavailable } from '../../shared/errors.js';
import { assertSocketPath } from './socket-path.js';

export interface AttachStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** What is read ahead of a slow client; Node's 16 KiB is less than one read. */
export const READ_AHEAD_BYTES = 256 * 1024;

const REPLY = 'attached';
const REPLY_MAX_BYTES = 128;
const NEWLINE = 0x0a;

/**
 * Attaches to a shim's process. The socket yields Docker's frames (raw bytes with a terminal) and takes stdin. It ends
 * after the exit was announced to control clients; `socket.end()` is the end of the client's stdin, and ends the
 * attachment too when that does not end the process's stdin. The caller owns the socket, which is paused and allows half
 * open connections.
 *
 * Rejects with the system error when no shim is there (`ENOENT`, `ECONNREFUSED`), `unavailable` when it ends meanwhile.
 */
export async function attachToShim(socketPath: string, streams: AttachStreams): Promise<Socket> {
  assertSocketPath(socketPath);
  // The types don't know that the options reach the stream's constructor.
  const options = { path: socketPath, allowHalfOpen: true, highWaterMark: READ_AHEAD_BYTES };
  const socket = createConnection(options);
  const flags = [streams.stdin, streams.stdout, streams.stderr].map(Number).join(' ');
  socket.write(`attach ${flags}\n`);
  try {
    const reply = await readReply(socket);
    if (reply !== REPLY) throw unavailable(`unexpected reply of the shim: ${reply}`);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return socket;
}

/** Takes exactly one line off the socket, and gives it without its newline. */
export function readReply(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const unlisten = (): void => void socket.off('readable', onReadable).off('error', onError).off('end', onEnd);
    const onError = (error: Error): void => {
      unlisten();
      reject(error);
    };
    const onEnd = (): void => onError(unavailable('the shim has ended'));
    const onReadable = (): void => {
      const data = socket.read() as Buffer | null;
      if (!data) return;
      const end = data.indexOf(NEWLINE);
      if (end < 0 && data.length > REPLY_MAX_BYTES) return onError(unavailable('unexpected reply of the shim'));
      if (end < 0) return socket.unshift(data);
      // after the listeners are gone: unshift may report readable at once
      unlisten();
      resolve(data.toString('latin1', 0, end));
      if (data.length > end + 1) socket.unshift(data.subarray(end + 1));
    };
    socket.on('readable', onReadable).on('error', onError).on('end', onEnd);
  });
}
