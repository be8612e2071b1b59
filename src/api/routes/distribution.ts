import { json, type ApiReply } from '../http/reply.js';
import type { ApiRequest, RouteDefinition } from '../http/route.js';
import { fromDescriptor, fromPlatform } from '../schemas/image-summary.js';
import { decodeRegistryAuth } from '../schemas/registry-auth.js';
import { imageRef } from './images.js';

async function inspectDistribution(request: ApiRequest): Promise<ApiReply> {
  const { engine, headers, signal } = request;
  const credentials = decodeRegistryAuth(headers['x-registry-auth']);
  const { descriptor, platforms } = await engine.images.distribution(imageRef(request), credentials, signal);
  return json({ Descriptor: fromDescriptor(descriptor), Platforms: platforms.map(fromPlatform) });
}

export const DISTRIBUTION_ROUTES: readonly RouteDefinition[] = [
  {
    method: 'GET',
    path: '/distribution/{name}/json',
    since: '1.30',
    cancelled: 'with-client',
    handler: inspectDistribution,
  },
];
