import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { pipeline, type Readable } from 'node:stream';
import { errorKind } from '../../shared/errors.js';
import type { Logger } from '../../shared/logger.js';
import { writeToSocket } from '../../shared/socket-body.js';
import { lingerAfterEnd } from './detached-connection.js';
import { plainHandle } from './plain-handle.js';

/**
 * Sends bytes of unknown length: the headers at once, then a chunked body. Where it can be, the body is written to the connection by the
 * thread that makes it, and this thread sees none of it; such a connection is closed afterwards. A source that fails cuts it.
 */
export function sendStream(response: ServerResponse, status: number, source: Readable, log: Logger): void {
  const socket = bareSocket(response);
  if (socket && 'writeTo' in source) response.shouldKeepAlive = false;
  response.writeHead(status);
  response.flushHeaders();
  const failed = (error: unknown): void => {
    if (errorKind(error) !== 'cancelled') log.debug({ err: error }, 'a response stream failed');
  };
  // Bytes of the head that are still waiting here would come after the body.
  const isReady = response.chunkedEncoding && socket?.writableLength === 0 && !socket.destroyed;
  const fd = isReady ? plainHandle(socket)?.fd : undefined;
  const written = fd === undefined ? null : writeToSocket(source, fd);
  if (!written || !socket) {
    pipeline(source, response, (error) => error && failed(error));
    return;
  }
  source.on('error', () => undefined); // `written` says the same
  written.then(
    () => {
      socket.end();
      lingerAfterEnd(socket);
    },
    (error: unknown) => {
      failed(error);
      socket.destroy();
    },
  );
}

/** The connection, if this answer is the next that it carries, and as it is: null with TLS. */
function bareSocket(response: ServerResponse): Socket | null {
  const { socket } = response;
  return socket && !socket.destroyed && plainHandle(socket) ? socket : null;
}
