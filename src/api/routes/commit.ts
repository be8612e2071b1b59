import { type ApiReply, json } from '../http/reply.js';
import type { ApiRequest, RouteDefinition } from '../http/route.js';
import { ContainerConfigSchema, toContainerConfig } from '../schemas/container-config.js';

async function commitContainer(request: ApiRequest): Promise<ApiReply> {
  const { engine, query } = request;
  const body = await request.optionalJsonBody(ContainerConfigSchema);
  const image = await engine.containers.commit({
    container: query.string('container'),
    repo: query.string('repo'),
    tag: query.string('tag'),
    comment: query.string('comment'),
    author: query.string('author'),
    pause: query.string('pause') === '' || query.bool('pause'),
    changes: query.strings('changes'),
    config: body === null ? null : toContainerConfig(body),
  });
  return json({ Id: image.id }, 201);
}

export const COMMIT_ROUTES: readonly RouteDefinition[] = [
  { method: 'POST', path: '/commit', since: '1.24', cancelled: 'detached', handler: commitContainer },
];
