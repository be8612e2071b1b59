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
const READ_AHEAD_BYTES = 256 * 1024;

const REPLY = Buffer.from('attached\n');

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
    await readReply(socket);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return socket;
}

/** Takes exactly the reply off the socket. */
function readReply(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      socket.off('readable', onReadable).off('error', settle).off('end', onEnd);
      if (error) reject(error);
      else resolve();
    };
    const onEnd = (): void => settle(unavailable('the shim has ended'));
    const onReadable = (): void => {
      const data = socket.read() as Buffer | null;
      if (!data) return;
      if (data.length < REPLY.length) return socket.unshift(data);
      const reply = data.subarray(0, REPLY.length);
      // after the listeners are gone: unshift may report readable at once
      settle(reply.equals(REPLY) ? undefined : unavailable(`unexpected reply of the shim: ${reply.toString()}`));
      if (data.length > REPLY.length) socket.unshift(data.subarray(REPLY.length));
    };
    socket.on('readable', onReadable).on('error', settle).on('end', onEnd);
  });
}
