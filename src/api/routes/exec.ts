import { atLeast } from '../http/api-version.js';
import { hijack, streamContentType } from '../http/hijack.js';
import { type ApiReply, empty, json } from '../http/reply.js';
import type { ApiRequest, RouteDefinition } from '../http/route.js';
import { EXEC_CREATE_REQUEST } from '../compat/exec-create.js';
import { ExecCreateSchema, ExecStartSchema, fromExecInstance, toConsoleSize, toExecConfig } from '../schemas/exec.js';
import { pathId } from './container-id.js';
import { resizeQuery } from './resize-query.js';
import { runSession } from './run-session.js';

async function createExec(request: ApiRequest): Promise<ApiReply> {
  const config = toExecConfig(await request.jsonBody(ExecCreateSchema));
  return json({ Id: await request.engine.exec.create(pathId(request), config) }, 201);
}

/** The exec's own tty decides how output is framed; the client's word on it counts for nothing. */
async function startExec(request: ApiRequest): Promise<ApiReply | null> {
  const body = await request.jsonBody(ExecStartSchema);
  const session = await request.engine.exec.start(pathId(request), {
    detach: body.Detach ?? false,
    tty: body.Tty ?? false,
    consoleSize: atLeast(request.version, '1.42') ? toConsoleSize(body.ConsoleSize) : null,
  });
  if (!session) return empty(200);
  const client = await hijack(request, { contentType: streamContentType(request, session.tty) });
  return runSession(request, session, client);
}

async function resizeExec(request: ApiRequest): Promise<ApiReply> {
  const { height, width } = resizeQuery(request.query);
  await request.engine.exec.resize(pathId(request), height, width);
  return empty(200);
}

function inspectExec(request: ApiRequest): ApiReply {
  return json(fromExecInstance(request.engine.exec.inspect(pathId(request))));
}

export const EXEC_ROUTES: readonly RouteDefinition[] = [
  {
    method: 'POST',
    path: '/containers/{id}/exec',
    since: '1.24',
    cancelled: 'detached',
    requestGates: EXEC_CREATE_REQUEST,
    handler: createExec,
  },
  {
    method: 'POST',
    path: '/exec/{id}/start',
    since: '1.24',
    cancelled: 'with-client',
    longLived: true,
    hijacks: true,
    handler: startExec,
  },
  { method: 'POST', path: '/exec/{id}/resize', since: '1.24', cancelled: 'detached', handler: resizeExec },
  { method: 'GET', path: '/exec/{id}/json', since: '1.24', cancelled: 'detached', handler: inspectExec },
];
