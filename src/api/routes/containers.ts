import type { ListContainersOptions } from '../../engine/containers/container.js';
import { invalid } from '../../shared/errors.js';
import { atLeast } from '../http/api-version.js';
import type { Query } from '../http/query.js';
import { type ApiReply, empty, json, jsonOf, type QuickReply, text } from '../http/reply.js';
import type { ApiRequest, QuickRequest, RouteDefinition } from '../http/route.js';
import { CONTAINER_INSPECT_RESPONSE } from '../compat/container-inspect.js';
import { CREATE_CONTAINER_UPGRADES } from '../compat/create-container.js';
import { upgradeRequest } from '../compat/request-upgrade.js';
import { UPDATE_CONTAINER_REQUEST } from '../compat/update-container.js';
import { fromContainer } from '../schemas/container-inspect.js';
import { CreateContainerSchema, toCreateContainerRequest } from '../schemas/create-container.js';
import { toUpdateContainerRequest, UpdateContainerSchema } from '../schemas/update-container.js';
import { pathId } from './container-id.js';
import { containerRows } from './container-rows.js';

async function listContainers({ engine, query, version }: ApiRequest): Promise<ApiReply> {
  const options = listOptions(query);
  const { containers } = engine;
  const summaries = query.bool('size') ? await containers.listWithSizes(options) : containers.list(options);
  return text(containerRows(summaries, version), 'application/json');
}

function quickList({ engine, query, version }: QuickRequest): QuickReply | null {
  if (query.bool('size')) return null;
  return text(containerRows(engine.containers.list(listOptions(query)), version), 'application/json');
}

function listOptions(query: Query): ListContainersOptions {
  const filters = query.filters();
  const limit = query.int('limit', 0);
  return {
    all: query.bool('all') || limit > 0,
    limit,
    filters,
    since: query.string('since'),
    before: query.string('before'),
  };
}

async function createContainer(request: ApiRequest): Promise<ApiReply> {
  const { engine, query, version } = request;
  const body = await request.optionalJsonBody(CreateContainerSchema);
  if (!body) {
    const isNull = request.contentLength !== 0 && request.contentLength !== null;
    throw invalid(
      isNull
        ? 'config cannot be empty in order to create a container'
        : 'invalid JSON: got EOF while reading request body',
    );
  }
  const warnings = upgradeRequest(body, version, CREATE_CONTAINER_UPGRADES);
  const platform = atLeast(version, '1.41') ? query.string('platform') : '';
  const created = await engine.containers.create(
    toCreateContainerRequest(body, { name: query.string('name'), platform }, version),
  );
  return json({ Id: created.id, Warnings: [...warnings, ...created.warnings] }, 201);
}

function quickInspect(request: QuickRequest): QuickReply | null {
  const { engine, query } = request;
  if (query.bool('size')) return null;
  const container = engine.containers.inspect(pathId(request));
  return jsonOf(container, () => fromContainer(container, null));
}

async function inspectContainer(request: ApiRequest): Promise<ApiReply> {
  const quick = quickInspect(request);
  if (quick) return quick;
  const container = request.engine.containers.inspect(pathId(request));
  return json(fromContainer(container, await request.engine.containers.size(container.id)));
}

async function topContainer(request: ApiRequest): Promise<ApiReply> {
  const { engine, query } = request;
  const { titles, processes } = await engine.containers.top(pathId(request), query.string('ps_args'));
  return json({ Processes: processes, Titles: titles });
}

async function containerChanges(request: ApiRequest): Promise<ApiReply> {
  const changes = await request.engine.containers.changes(pathId(request));
  // Go's nil slice, which clients know to expect.
  return json(changes.length === 0 ? null : changes.map(({ path, kind }) => ({ Path: path, Kind: kind })));
}

async function renameContainer(request: ApiRequest): Promise<ApiReply> {
  await request.engine.containers.rename(pathId(request), request.query.string('name'));
  return empty();
}

async function updateContainer(request: ApiRequest): Promise<ApiReply> {
  const body = await request.jsonBody(UpdateContainerSchema);
  const { warnings } = await request.engine.containers.update(pathId(request), toUpdateContainerRequest(body));
  return json({ Warnings: warnings.length === 0 ? null : warnings });
}

async function removeContainer(request: ApiRequest): Promise<ApiReply> {
  const { engine, query } = request;
  await engine.containers.remove(pathId(request), {
    force: query.bool('force'),
    volumes: query.bool('v'),
    link: query.bool('link'),
  });
  return empty();
}

async function pruneContainers({ engine, query }: ApiRequest): Promise<ApiReply> {
  const { deleted, spaceReclaimedBytes } = await engine.containers.prune(query.filters());
  return json({ ContainersDeleted: deleted.length === 0 ? null : deleted, SpaceReclaimed: spaceReclaimedBytes });
}

export const CONTAINER_ROUTES: readonly RouteDefinition[] = [
  {
    method: 'GET',
    path: '/containers/json',
    since: '1.24',
    cancelled: 'detached',
    quickReply: quickList,
    handler: listContainers,
  },
  { method: 'POST', path: '/containers/create', since: '1.24', cancelled: 'detached', handler: createContainer },
  { method: 'POST', path: '/containers/prune', since: '1.25', cancelled: 'detached', handler: pruneContainers },
  {
    method: 'GET',
    path: '/containers/{id}/json',
    since: '1.24',
    cancelled: 'detached',
    responseGates: CONTAINER_INSPECT_RESPONSE,
    quickReply: quickInspect,
    handler: inspectContainer,
  },
  { method: 'GET', path: '/containers/{id}/top', since: '1.24', cancelled: 'detached', handler: topContainer },
  { method: 'GET', path: '/containers/{id}/changes', since: '1.24', cancelled: 'detached', handler: containerChanges },
  { method: 'POST', path: '/containers/{id}/rename', since: '1.24', cancelled: 'detached', handler: renameContainer },
  {
    method: 'POST',
    path: '/containers/{id}/update',
    since: '1.24',
    cancelled: 'detached',
    requestGates: UPDATE_CONTAINER_REQUEST,
    handler: updateContainer,
  },
  { method: 'DELETE', path: '/containers/{id}', since: '1.24', cancelled: 'detached', handler: removeContainer },
];
