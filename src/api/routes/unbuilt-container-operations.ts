import { notImplemented } from '../../shared/errors.js';
import type { ApiRequest, RouteDefinition } from '../http/route.js';
import { pathId } from './container-id.js';

const NOT_EXPERIMENTAL =
  'This experimental feature is disabled by default. Start the Docker daemon in experimental mode in order to enable it.';

/** What a checkpoint call answers: dockerd's words outside of experimental mode, ours in it. */
function checkpoint(request: ApiRequest): never {
  if (!request.server.experimental) throw notImplemented(NOT_EXPERIMENTAL);
  const { id } = request.engine.containers.inspect(pathId(request));
  throw notImplemented(`wharfd can't checkpoint containers yet (${id.slice(0, 12)})`);
}

const CHECKPOINTS = '/containers/{id}/checkpoints';

/** Operations of the API that answer 501 until they are built. */
export const UNBUILT_CONTAINER_ROUTES: readonly RouteDefinition[] = [
  { method: 'GET', path: CHECKPOINTS, since: '1.25', cancelled: 'detached', handler: checkpoint },
  { method: 'POST', path: CHECKPOINTS, since: '1.25', cancelled: 'detached', handler: checkpoint },
  {
    method: 'DELETE',
    path: `${CHECKPOINTS}/{checkpoint}`,
    since: '1.25',
    cancelled: 'detached',
    handler: checkpoint,
  },
];
