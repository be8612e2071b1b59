import { unavailable } from '../../shared/errors.js';
import { atLeast } from '../http/api-version.js';
import type { ApiReply } from '../http/reply.js';
import { empty, json } from '../http/reply.js';
import type { ApiRequest, RouteDefinition } from '../http/route.js';
import { CreateVolumeSchema, fromVolume } from '../schemas/volume.js';
import { NOT_A_SWARM_MANAGER } from './swarm.js';

const LIST_FILTERS = ['dangling', 'driver', 'label', 'name'];
const PRUNE_FILTERS = ['all', 'label', 'label!'];

function listVolumes({ engine, query }: ApiRequest): ApiReply {
  const { volumes, warnings } = engine.volumes.list(query.filters(LIST_FILTERS));
  return json({ Volumes: volumes.map(fromVolume), Warnings: warnings.length > 0 ? warnings : null });
}

async function createVolume(request: ApiRequest): Promise<ApiReply> {
  const body = await request.jsonBody(CreateVolumeSchema);
  if (body.ClusterVolumeSpec !== undefined && atLeast(request.version, '1.42')) throw unavailable(NOT_A_SWARM_MANAGER);
  const volume = await request.engine.volumes.create({
    name: body.Name ?? '',
    driver: body.Driver ?? '',
    driverOpts: body.DriverOpts ?? {},
    labels: body.Labels ?? {},
  });
  return json(fromVolume(volume), 201);
}

function inspectVolume({ engine, params }: ApiRequest): ApiReply {
  return json(fromVolume(engine.volumes.inspect(params.name ?? '')));
}

/** Cluster volumes only, and there is no cluster. */
function updateVolume(): never {
  throw unavailable('volume update only valid for cluster volumes, but swarm is unavailable');
}

async function removeVolume({ engine, params, query }: ApiRequest): Promise<ApiReply> {
  await engine.volumes.remove(params.name ?? '', query.bool('force'));
  return empty();
}

async function pruneVolumes({ engine, query, version }: ApiRequest): Promise<ApiReply> {
  const filters = new Map(query.filters(PRUNE_FILTERS));
  // Named volumes were pruned as well; Source: Engine API v1.42 changelog.
  if (!atLeast(version, '1.42')) filters.set('all', ['true']);
  const { deleted, spaceReclaimedBytes } = await engine.volumes.prune(filters);
  return json({ VolumesDeleted: deleted, SpaceReclaimed: spaceReclaimedBytes });
}

export const VOLUME_ROUTES: readonly RouteDefinition[] = [
  { method: 'GET', path: '/volumes', since: '1.24', cancelled: 'detached', handler: listVolumes },
  { method: 'POST', path: '/volumes/create', since: '1.24', cancelled: 'detached', handler: createVolume },
  { method: 'POST', path: '/volumes/prune', since: '1.25', cancelled: 'detached', handler: pruneVolumes },
  { method: 'GET', path: '/volumes/{name}', since: '1.24', cancelled: 'detached', handler: inspectVolume },
  { method: 'PUT', path: '/volumes/{name}', since: '1.42', cancelled: 'detached', handler: updateVolume },
  { method: 'DELETE', path: '/volumes/{name}', since: '1.24', cancelled: 'detached', handler: removeVolume },
];
