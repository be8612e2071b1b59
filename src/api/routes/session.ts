import { notImplemented } from '../../shared/errors.js';
import type { RouteDefinition } from '../http/route.js';

function unbuilt(): never {
  throw notImplemented("wharfd can't build images yet");
}

export const SESSION_ROUTES: readonly RouteDefinition[] = [
  { method: 'POST', path: '/session', since: '1.31', cancelled: 'with-client', handler: unbuilt },
  // Not in the OpenAPI file; BuildKit's control API for buildx.
  { method: 'POST', path: '/grpc', since: '1.31', cancelled: 'with-client', handler: unbuilt },
];
