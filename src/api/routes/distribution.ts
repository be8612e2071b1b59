import { notImplemented } from '../../shared/errors.js';
import type { RouteDefinition } from '../http/route.js';

function unbuilt(): never {
  throw notImplemented("wharfd can't ask registries about images yet");
}

export const DISTRIBUTION_ROUTES: readonly RouteDefinition[] = [
  { method: 'GET', path: '/distribution/{name}/json', since: '1.30', cancelled: 'with-client', handler: unbuilt },
];
