import type { RouteDefinition } from '../http/route.js';
import { ATTACH_WEBSOCKET_ROUTES } from './attach-websocket.js';
import { BUILD_ROUTES } from './build.js';
import { COMMIT_ROUTES } from './commit.js';
import { CONTAINER_ARCHIVE_ROUTES } from './container-archive.js';
import { CONTAINER_LIFECYCLE_ROUTES } from './container-lifecycle.js';
import { CONTAINER_STREAM_ROUTES } from './container-streams.js';
import { CONTAINER_ROUTES } from './containers.js';
import { DISTRIBUTION_ROUTES } from './distribution.js';
import { EVENT_ROUTES } from './events.js';
import { EXEC_ROUTES } from './exec.js';
import { IMAGE_ROUTES } from './images.js';
import { NETWORK_ROUTES } from './networks.js';
import { PLUGIN_ROUTES } from './plugins.js';
import { SESSION_ROUTES } from './session.js';
import { SWARM_ROUTES } from './swarm.js';
import { SYSTEM_ROUTES } from './system.js';
import { UNBUILT_CONTAINER_ROUTES } from './unbuilt-container-operations.js';
import { VOLUME_ROUTES } from './volumes.js';

/**
 * Every operation of the Engine API, built or not. Within a resource the order counts: a path with a parameter takes
 * slashes, so the more special one stands first.
 */
export const ALL_ROUTES: readonly RouteDefinition[] = [
  ...SYSTEM_ROUTES,
  ...EVENT_ROUTES,
  ...UNBUILT_CONTAINER_ROUTES,
  ...CONTAINER_ROUTES,
  ...CONTAINER_LIFECYCLE_ROUTES,
  ...CONTAINER_STREAM_ROUTES,
  ...CONTAINER_ARCHIVE_ROUTES,
  ...COMMIT_ROUTES,
  ...ATTACH_WEBSOCKET_ROUTES,
  ...EXEC_ROUTES,
  ...IMAGE_ROUTES,
  ...BUILD_ROUTES,
  ...SESSION_ROUTES,
  ...DISTRIBUTION_ROUTES,
  ...NETWORK_ROUTES,
  ...VOLUME_ROUTES,
  ...PLUGIN_ROUTES,
  ...SWARM_ROUTES,
];
