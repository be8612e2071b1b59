import { macAddressProblem } from '../../engine/networks/validate-endpoints.js';
import { invalid, notFound } from '../../shared/errors.js';
import { atLeast } from '../http/api-version.js';
import type { ApiReply } from '../http/reply.js';
import { empty, json, text } from '../http/reply.js';
import type { ApiRequest, RouteDefinition } from '../http/route.js';
import { toEndpointConfig } from '../schemas/endpoint-settings.js';
import {
  ConnectNetworkSchema,
  CreateNetworkSchema,
  DisconnectNetworkSchema,
  fromNetwork,
  fromPoolUsage,
  toCreateNetworkRequest,
  withWholeNumbers,
} from '../schemas/network.js';

const LIST_FILTERS = ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'];
const PRUNE_FILTERS = ['label', 'label!', 'until'];

function listNetworks({ engine, query, version }: ApiRequest): ApiReply {
  const networks = engine.networks.list(query.filters(LIST_FILTERS)).map(fromNetwork);
  // From 1.28 on the list tells nothing of the containers, but the (empty) field stayed until 1.51.
  if (!atLeast(version, '1.28')) return json(networks);
  const isFieldGone = atLeast(version, '1.52');
  return json(networks.map((network) => ({ ...network, Containers: isFieldGone ? undefined : {} })));
}

function inspectNetwork({ engine, params, query, version }: ApiRequest): ApiReply {
  const verbose = query.string('verbose');
  if (verbose !== '' && !/^(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(verbose)) {
    throw invalid(
      `invalid value for verbose: ${verbose}: strconv.ParseBool: parsing ${JSON.stringify(verbose)}: invalid syntax`,
    );
  }
  const network = engine.networks.inspect(params.id ?? '');
  const scope = query.string('scope');
  if (scope !== '' && scope !== network.scope) throw notFound(`network ${params.id} not found`);
  if (!atLeast(version, '1.52')) return json(fromNetwork(network));
  const status = withWholeNumbers(JSON.stringify(fromPoolUsage(network.usage ?? [])));
  return text(`${JSON.stringify(fromNetwork(network)).slice(0, -1)},"Status":${status}}`, 'application/json');
}

async function createNetwork(request: ApiRequest): Promise<ApiReply> {
  const body = toCreateNetworkRequest(await request.jsonBody(CreateNetworkSchema));
  if (!atLeast(request.version, '1.48')) body.enableIpv4 = null;
  const { id, warning } = await request.engine.networks.create(body);
  return json({ Id: id, Warning: warning }, 201);
}

async function connectNetwork(request: ApiRequest): Promise<ApiReply> {
  const body = await request.jsonBody(ConnectNetworkSchema);
  const asked = toEndpointConfig(body.EndpointConfig ?? {});
  const problem = macAddressProblem(asked);
  if (problem !== null) throw invalid(problem);
  // A good one was accepted and ignored; Source: Engine API v1.54 changelog.
  const endpoint = atLeast(request.version, '1.54') ? asked : { ...asked, macAddress: '' };
  await request.engine.networks.connect(request.params.id ?? '', containerRef(body), endpoint);
  return empty(200);
}

async function disconnectNetwork(request: ApiRequest): Promise<ApiReply> {
  const body = await request.jsonBody(DisconnectNetworkSchema);
  await request.engine.networks.disconnect(request.params.id ?? '', containerRef(body), body.Force ?? false);
  return empty(200);
}

function containerRef({ Container: ref = '' }: { Container?: string }): string {
  if (ref === '') throw invalid('invalid name or ID supplied: ""');
  return ref;
}

async function removeNetwork({ engine, params }: ApiRequest): Promise<ApiReply> {
  await engine.networks.remove(params.id ?? '');
  return empty();
}

async function pruneNetworks({ engine, query }: ApiRequest): Promise<ApiReply> {
  const { deleted } = await engine.networks.prune(query.filters(PRUNE_FILTERS));
  return json({ NetworksDeleted: deleted.length > 0 ? deleted : null });
}

export const NETWORK_ROUTES: readonly RouteDefinition[] = [
  { method: 'GET', path: '/networks', since: '1.24', cancelled: 'detached', handler: listNetworks },
  { method: 'GET', path: '/networks/', since: '1.24', cancelled: 'detached', handler: listNetworks },
  { method: 'POST', path: '/networks/create', since: '1.24', cancelled: 'detached', handler: createNetwork },
  { method: 'POST', path: '/networks/prune', since: '1.25', cancelled: 'detached', handler: pruneNetworks },
  { method: 'GET', path: '/networks/{id}', since: '1.24', cancelled: 'detached', handler: inspectNetwork },
  { method: 'POST', path: '/networks/{id}/connect', since: '1.24', cancelled: 'detached', handler: connectNetwork },
  {
    method: 'POST',
    path: '/networks/{id}/disconnect',
    since: '1.24',
    cancelled: 'detached',
    handler: disconnectNetwork,
  },
  { method: 'DELETE', path: '/networks/{id}', since: '1.24', cancelled: 'detached', handler: removeNetwork },
];
