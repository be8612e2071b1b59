import { notFound, notImplemented } from '../../shared/errors.js';
import { json } from '../http/reply.js';
import type { ApiRequest, RouteDefinition, RouteMethod } from '../http/route.js';

const LIST_FILTERS = ['capability', 'enabled', 'enable'];

/** No plugin can be installed, so none is ever found. */
function unknownPlugin({ params }: ApiRequest): never {
  throw notFound(`plugin "${params.name ?? ''}" not found`);
}

function unbuilt(): never {
  throw notImplemented("wharfd can't install managed plugins yet");
}

const onPlugin = (method: RouteMethod, path: string, since: RouteDefinition['since'] = '1.25'): RouteDefinition => ({
  method,
  path,
  since,
  cancelled: 'detached',
  handler: unknownPlugin,
});

export const PLUGIN_ROUTES: readonly RouteDefinition[] = [
  {
    method: 'GET',
    path: '/plugins',
    since: '1.25',
    cancelled: 'detached',
    handler: ({ query }) => {
      query.filters(LIST_FILTERS);
      return json([]);
    },
  },
  { method: 'GET', path: '/plugins/privileges', since: '1.25', cancelled: 'detached', handler: unbuilt },
  { method: 'POST', path: '/plugins/pull', since: '1.25', cancelled: 'detached', handler: unbuilt },
  { method: 'POST', path: '/plugins/create', since: '1.25', cancelled: 'detached', handler: unbuilt },
  onPlugin('GET', '/plugins/{name}/json'),
  onPlugin('POST', '/plugins/{name}/enable'),
  onPlugin('POST', '/plugins/{name}/disable'),
  onPlugin('POST', '/plugins/{name}/upgrade', '1.26'),
  onPlugin('POST', '/plugins/{name}/push'),
  onPlugin('POST', '/plugins/{name}/set'),
  onPlugin('DELETE', '/plugins/{name}'),
];
