import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { atLeast } from './api-version.js';
import { detachedConnection, lingerAfterEnd } from './detached-connection.js';
import { JSON_BODY_LIMIT_BYTES } from './request-body.js';
import type { ApiRequest } from './route.js';

export const RAW_STREAM = 'application/vnd.docker.raw-stream';
export const MULTIPLEXED_STREAM = 'application/vnd.docker.multiplexed-stream';

/**
 * Takes the connection over for raw bytes both ways, for a route with `hijacks: true`. Answers `101 UPGRADED` when the
 * client asked for an upgrade, else a plain `200 OK` without length or chunking. A body that was not read is skipped. Bytes
 * that arrived behind the request are the first that the stream delivers; the client's half-close is its 'end', and `end()`
 * half-closes towards the client. The caller ends or destroys it; a client that stays open and silent for 10 seconds after
 * our end is cut. Call it once; the handler then returns null. Errors after it are the caller's to write into the stream.
 */
export async function hijack(
  request: ApiRequest,
  options: { contentType: string; protocol?: string },
): Promise<Duplex> {
  const connection = detachedConnection(request.raw.request);
  if (!connection) throw new Error('hijack of a route without `hijacks: true`');
  await connection.body(JSON_BODY_LIMIT_BYTES);
  const { response } = connection;
  const socket = connection.take();
  const upgrade = request.headers.upgrade !== undefined;
  // dockerd names the multiplexed type for upgraded connections only, whatever the version.
  const head = upgrade
    ? [
        'HTTP/1.1 101 UPGRADED',
        `Content-Type: ${options.contentType}`,
        'Connection: Upgrade',
        `Upgrade: ${options.protocol ?? 'tcp'}`,
      ]
    : ['HTTP/1.1 200 OK', `Content-Type: ${RAW_STREAM}`];
  for (const name of ['Api-Version', 'Docker-Experimental', 'Ostype', 'Server']) {
    const value = response.getHeader(name);
    if (value !== undefined) head.push(`${name}: ${String(value)}`);
  }
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  socket.setNoDelay(true);
  socket.once('finish', () => lingerAfterEnd(socket));
  return socket;
}

/**
 * Takes the bare socket of a route with `hijacks: true` and writes nothing: for a protocol with a handshake of its own
 * (WebSocket). The bytes behind the request's head are the first to be read from it.
 */
export function takeSocket(request: ApiRequest): Socket {
  const connection = detachedConnection(request.raw.request);
  if (!connection) throw new Error('hijack of a route without `hijacks: true`');
  return connection.take();
}

/** The content type of attach, exec and logs: multiplexed is named since 1.42. */
export function streamContentType(request: Pick<ApiRequest, 'version'>, tty: boolean): string {
  return !tty && atLeast(request.version, '1.42') ? MULTIPLEXED_STREAM : RAW_STREAM;
}
