import { invalid, notImplemented } from '../../shared/errors.js';
import { empty, json, type ApiReply } from '../http/reply.js';
import type { ApiRequest, RouteDefinition } from '../http/route.js';

function unbuilt(): never {
  throw notImplemented("wharfd can't build images yet");
}

function cancelBuild({ query }: ApiRequest): ApiReply {
  if (query.string('id') === '') throw invalid('build ID not provided');
  return empty(200);
}

export const BUILD_ROUTES: readonly RouteDefinition[] = [
  { method: 'POST', path: '/build', since: '1.24', cancelled: 'with-client', handler: unbuilt },
  {
    method: 'POST',
    path: '/build/prune',
    since: '1.31',
    cancelled: 'detached',
    // There is no cache, so there is nothing to prune.
    handler: () => json({ CachesDeleted: null, SpaceReclaimed: 0 }),
  },
  // Not in the OpenAPI file; dockerd answers it like this for a build that it does not know.
  { method: 'POST', path: '/build/cancel', since: '1.25', cancelled: 'detached', handler: cancelBuild },
];
