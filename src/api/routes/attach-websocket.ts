import { WebSocketServer, type WebSocket } from 'ws';
import { parseDetachKeys } from '../../engine/containers/detach-keys.js';
import { attachRefusal } from '../../engine/containers/attach.js';
import type { AttachOptions } from '../../engine/containers/container-service.js';
import { atLeast } from '../http/api-version.js';
import { detachedConnection } from '../http/detached-connection.js';
import { type ApiReply, text } from '../http/reply.js';
import type { ApiRequest, RouteDefinition } from '../http/route.js';
import { pathId } from './container-id.js';
import { runSession } from './run-session.js';
import { WebSocketStream } from './websocket-stream.js';

const upgrader = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false });

/** Output is never multiplexed here: stdout and stderr come as they are, mixed. */
async function attachWebSocket(request: ApiRequest): Promise<ApiReply | null> {
  const { engine, query, version } = request;
  const isSelective = atLeast(version, '1.42'); // older clients get all streams, whatever they ask for
  const wanted = (name: string): boolean => !isSelective || query.bool(name);
  const options: AttachOptions = {
    stdin: wanted('stdin'),
    stdout: wanted('stdout'),
    stderr: wanted('stderr'),
    logs: query.bool('logs'),
    stream: query.bool('stream'),
    detachKeys: query.string('detachKeys'),
  };
  parseDetachKeys(options.detachKeys);
  const container = engine.containers.inspect(pathId(request));
  const refusal = attachRefusal(container, pathId(request));
  if (refusal) throw refusal;
  if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
    return text('not websocket protocol', 'text/plain; charset=utf-8', 400);
  }
  const session = await engine.containers.attach(container.id, options);
  const socket = await upgraded(request);
  const isBinary = atLeast(version, '1.28');
  return runSession(request, session, new WebSocketStream(socket, { binary: isBinary, multiplexed: !session.tty }));
}

function upgraded(request: ApiRequest): Promise<WebSocket> {
  const handshake = request.raw.request;
  const connection = detachedConnection(handshake);
  if (!connection) throw new Error('a WebSocket route without `hijacks: true`');
  const socket = connection.take();
  return new Promise((resolve, reject) => {
    socket.once('close', () => reject(new Error('the WebSocket handshake failed')));
    upgrader.handleUpgrade(handshake, socket, Buffer.alloc(0), resolve);
  });
}

export const ATTACH_WEBSOCKET_ROUTES: readonly RouteDefinition[] = [
  {
    method: 'GET',
    path: '/containers/{id}/attach/ws',
    since: '1.24',
    cancelled: 'with-client',
    longLived: true,
    hijacks: true,
    handler: attachWebSocket,
  },
];
