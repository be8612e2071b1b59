import { notImplemented, unavailable } from '../../shared/errors.js';
import type { RouteDefinition, RouteMethod } from '../http/route.js';

/** What dockerd says outside of a swarm; compose, Portainer and Traefik branch on it. */
export const NOT_A_SWARM_MANAGER =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

const inactive = (): never => {
  throw unavailable(NOT_A_SWARM_MANAGER);
};

const leave = (): never => {
  throw unavailable('This node is not part of a swarm');
};

const unbuilt = (): never => {
  throw notImplemented("wharfd can't form or join a swarm yet");
};

function route(
  method: RouteMethod,
  path: string,
  since: RouteDefinition['since'] = '1.24',
  handler: RouteDefinition['handler'] = inactive,
): RouteDefinition {
  return { method, path, since, cancelled: 'detached', handler };
}

/** list, create, inspect, remove and update of one kind of swarm object. */
function resource(noun: string, since?: RouteDefinition['since']): RouteDefinition[] {
  return [
    route('GET', `/${noun}`, since),
    route('POST', `/${noun}/create`, since),
    route('GET', `/${noun}/{id}`, since),
    route('DELETE', `/${noun}/{id}`, since),
    route('POST', `/${noun}/{id}/update`, since),
  ];
}

export const SWARM_ROUTES: readonly RouteDefinition[] = [
  route('GET', '/swarm'),
  route('POST', '/swarm/init', '1.24', unbuilt),
  route('POST', '/swarm/join', '1.24', unbuilt),
  route('POST', '/swarm/leave', '1.24', leave),
  route('POST', '/swarm/update'),
  route('GET', '/swarm/unlockkey'),
  route('POST', '/swarm/unlock'),
  route('GET', '/nodes'),
  route('GET', '/nodes/{id}'),
  route('DELETE', '/nodes/{id}'),
  route('POST', '/nodes/{id}/update'),
  route('GET', '/services/{id}/logs', '1.25'),
  ...resource('services'),
  route('GET', '/tasks'),
  route('GET', '/tasks/{id}/logs', '1.29'),
  route('GET', '/tasks/{id}'),
  ...resource('secrets', '1.25'),
  ...resource('configs', '1.30'),
];
