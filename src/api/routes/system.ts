import { Type } from '../schemas/type.js';
import type { DiskUsageType } from '../../engine/system/system-service.js';
import { invalid } from '../../shared/errors.js';
import { announcedVersion } from '../compat/announced-version.js';
import { DISK_USAGE_RESPONSE } from '../compat/disk-usage.js';
import { INFO_RESPONSE } from '../compat/info.js';
import { atLeast } from '../http/api-version.js';
import type { ApiReply, TextReply } from '../http/reply.js';
import { json, text } from '../http/reply.js';
import type { ApiRequest, RouteDefinition, ServerFacts } from '../http/route.js';
import { fromDiskUsage } from '../schemas/disk-usage.js';
import { fromEngineInfo } from '../schemas/info.js';
import { fromEngineVersion } from '../schemas/version.js';
import { Text } from '../schemas/wire.js';

const DISK_USAGE_TYPES: readonly DiskUsageType[] = ['container', 'image', 'volume', 'build-cache'];

const AuthSchema = Type.Object(
  {
    username: Text,
    password: Text,
    auth: Text,
    email: Text,
    serveraddress: Text,
    identitytoken: Text,
    registrytoken: Text,
  },
  { goType: 'AuthConfig' },
);

/** Answers for the daemon as long as its main loop runs; clients negotiate the version with its headers. */
function ping(method: 'GET' | 'HEAD'): RouteDefinition {
  const fixedReply = ({ builderVersion }: ServerFacts): TextReply => {
    const headers = {
      'Builder-Version': builderVersion,
      'Cache-Control': 'no-cache, no-store, must-revalidate',
      Pragma: 'no-cache',
      Swarm: 'inactive',
    };
    // dockerd's HEAD announces a length of 0, unlike what HTTP asks for.
    return text(method === 'HEAD' ? '' : 'OK', 'text/plain; charset=utf-8', 200, headers);
  };
  const handler = ({ server }: ApiRequest): TextReply => fixedReply(server);
  return { method, path: '/_ping', since: '1.24', cancelled: 'detached', fixedReply, handler };
}

async function version({ engine, headers }: ApiRequest): Promise<ApiReply> {
  return json(fromEngineVersion(await engine.system.version(), announcedVersion(headers['user-agent'])));
}

async function info({ engine }: ApiRequest): Promise<ApiReply> {
  return json(fromEngineInfo(await engine.system.info()));
}

async function diskUsage({ engine, query, version: clientVersion, signal }: ApiRequest): Promise<ApiReply> {
  const asked = atLeast(clientVersion, '1.42') ? query.strings('type') : [];
  const unknown = asked.find((type) => !DISK_USAGE_TYPES.includes(type as DiskUsageType));
  if (unknown !== undefined) throw invalid(`unknown object type: ${unknown}`);
  const types = new Set(asked.length > 0 ? (asked as DiskUsageType[]) : DISK_USAGE_TYPES);
  const hasUsage = atLeast(clientVersion, '1.52');
  const isVerbose = hasUsage && query.bool('verbose');
  const usage = await engine.system.diskUsage(types, signal);
  const { legacy, current } = fromDiskUsage(usage, types, isVerbose);
  if (!hasUsage) return json(legacy);
  // Only 1.52 has both, to help its clients over; Source: Engine API v1.52 changelog.
  return json(atLeast(clientVersion, '1.53') || isVerbose ? current : { ...legacy, ...current });
}

async function login(request: ApiRequest): Promise<ApiReply> {
  const body = await request.jsonBody(AuthSchema);
  const { status, identityToken } = await request.engine.images.login({
    username: body.username ?? '',
    password: body.password ?? '',
    identityToken: body.identitytoken ?? '',
    registryToken: body.registrytoken ?? '',
    serverAddress: body.serveraddress ?? '',
  });
  return json({ Status: status, IdentityToken: identityToken });
}

export const SYSTEM_ROUTES: readonly RouteDefinition[] = [
  ping('GET'),
  ping('HEAD'),
  { method: 'GET', path: '/version', since: '1.24', cancelled: 'detached', handler: version },
  { method: 'GET', path: '/info', since: '1.24', cancelled: 'detached', responseGates: INFO_RESPONSE, handler: info },
  {
    method: 'GET',
    path: '/system/df',
    since: '1.25',
    cancelled: 'with-client',
    responseGates: DISK_USAGE_RESPONSE,
    handler: diskUsage,
  },
  { method: 'POST', path: '/auth', since: '1.24', cancelled: 'detached', handler: login },
];
