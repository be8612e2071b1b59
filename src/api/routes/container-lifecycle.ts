import type { WaitCondition, WaitResult } from '../../engine/containers/container.js';
import { invalid, notImplemented } from '../../shared/errors.js';
import { atLeast } from '../http/api-version.js';
import { streamFlushed } from '../http/flushed-stream.js';
import { type ApiReply, empty, json } from '../http/reply.js';
import type { ApiRequest, RouteDefinition } from '../http/route.js';
import { pathId } from './container-id.js';
import { resizeQuery } from './resize-query.js';

/** Old clients send `null` or `{}`; anything longer is the HostConfig that start took before 1.24. */
const MAX_START_BODY_BYTES = 7;

async function startContainer(request: ApiRequest): Promise<ApiReply> {
  const { engine, query, server } = request;
  const isChunked = request.headers['transfer-encoding'] !== undefined;
  if (isChunked || (request.contentLength ?? 0) > MAX_START_BODY_BYTES) {
    throw invalid('starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24');
  }
  if (query.string('checkpoint') !== '') {
    if (!server.experimental) throw invalid('checkpoint is only supported in experimental mode');
    throw notImplemented("wharfd can't start containers from checkpoints yet");
  }
  await engine.containers.start(pathId(request));
  return empty();
}

/** `signal` came with 1.42. An absent or empty `t` is the container's own timeout. */
function stopOptions({ query, version }: ApiRequest): { timeoutSec: number | null; signal: string } {
  const timeoutSec = query.string('t') === '' ? null : query.int('t', 0);
  return { timeoutSec, signal: atLeast(version, '1.42') ? query.string('signal') : '' };
}

async function stopContainer(request: ApiRequest): Promise<ApiReply> {
  await request.engine.containers.stop(pathId(request), stopOptions(request));
  return empty();
}

async function restartContainer(request: ApiRequest): Promise<ApiReply> {
  await request.engine.containers.restart(pathId(request), stopOptions(request));
  return empty();
}

async function killContainer(request: ApiRequest): Promise<ApiReply> {
  await request.engine.containers.kill(pathId(request), request.query.string('signal'));
  return empty();
}

async function pauseContainer(request: ApiRequest): Promise<ApiReply> {
  await request.engine.containers.pause(pathId(request));
  return empty();
}

async function unpauseContainer(request: ApiRequest): Promise<ApiReply> {
  await request.engine.containers.unpause(pathId(request));
  return empty();
}

async function resizeContainer(request: ApiRequest): Promise<ApiReply> {
  const { height, width } = resizeQuery(request.query);
  await request.engine.containers.resize(pathId(request), height, width);
  return empty(200);
}

/**
 * From 1.30 on the headers go out as soon as the wait is registered, so that a client can start the container knowing
 * that no exit is missed. Older clients wait for the plain stop and take the headers with the answer.
 */
async function waitContainer(request: ApiRequest): Promise<ApiReply | null> {
  const { engine, query, version, signal } = request;
  const isEarly = atLeast(version, '1.30');
  const condition = isEarly ? waitCondition(query.string('condition')) : 'not-running';
  const { done } = await engine.containers.wait(pathId(request), condition, signal);
  if (!isEarly) return json(fromWaitResult(await done));
  return streamFlushed(request, 'application/json', waitBody(done));
}

async function* waitBody(done: Promise<WaitResult>): AsyncGenerator<string> {
  yield `${JSON.stringify(fromWaitResult(await done))}\n`;
}

function waitCondition(text: string): WaitCondition {
  switch (text) {
    case '':
    case 'not-running':
      return 'not-running';
    case 'next-exit':
    case 'removed':
      return text;
    default:
      throw invalid(`invalid condition: ${JSON.stringify(text)}`);
  }
}

function fromWaitResult({ statusCode, error }: WaitResult): object {
  return error === '' ? { StatusCode: statusCode } : { StatusCode: statusCode, Error: { Message: error } };
}

const post = (action: string, handler: RouteDefinition['handler']): RouteDefinition => ({
  method: 'POST',
  path: `/containers/{id}/${action}`,
  since: '1.24',
  cancelled: 'detached',
  handler,
});

export const CONTAINER_LIFECYCLE_ROUTES: readonly RouteDefinition[] = [
  post('start', startContainer),
  post('stop', stopContainer),
  post('restart', restartContainer),
  post('kill', killContainer),
  post('pause', pauseContainer),
  post('unpause', unpauseContainer),
  post('resize', resizeContainer),
  { ...post('wait', waitContainer), cancelled: 'with-client', longLived: true },
];
