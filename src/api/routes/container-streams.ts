import { parseDetachKeys } from '../../engine/containers/detach-keys.js';
import type { AttachOptions, LogsOptions } from '../../engine/containers/container-service.js';
import { invalid } from '../../shared/errors.js';
import { takesJoinedFrames } from '../compat/frames-of-logs.js';
import { atLeast } from '../http/api-version.js';
import { streamFlushed } from '../http/flushed-stream.js';
import { hijack, streamContentType } from '../http/hijack.js';
import { type ApiReply, stream } from '../http/reply.js';
import type { ApiRequest, RouteDefinition } from '../http/route.js';
import { stringifyExactly } from '../http/stringify-exactly.js';
import { pathId } from './container-id.js';
import { runSession } from './run-session.js';

async function containerLogs(request: ApiRequest): Promise<null> {
  const { engine, query, signal } = request;
  const stdout = query.bool('stdout');
  const stderr = query.bool('stderr');
  if (!stdout && !stderr) throw invalid('Bad parameters: you must choose at least one stream');
  const { id } = engine.containers.inspect(pathId(request));
  const sinceNs = query.timestamp('since');
  const untilNs = atLeast(request.version, '1.35') ? query.timestamp('until') : null;
  const options: LogsOptions = {
    follow: query.bool('follow'),
    stdout,
    stderr,
    sinceNs,
    untilNs: untilNs === 0n ? null : untilNs,
    timestamps: query.bool('timestamps'),
    tail: tailLines(query.string('tail')),
    details: query.bool('details'),
    joined: takesJoinedFrames(request.headers['user-agent']),
  };
  const { tty, chunks } = await engine.containers.logs(id, options, signal);
  return streamFlushed(request, streamContentType(request, tty), chunks);
}

/** Whatever is no count means all, as with dockerd. */
function tailLines(text: string): number | 'all' {
  return /^\+?\d+$/.test(text) ? Number(text) : 'all';
}

async function attachContainer(request: ApiRequest): Promise<null> {
  const { engine, query } = request;
  const detachKeys = query.string('detachKeys');
  parseDetachKeys(detachKeys); // dockerd complains of these even when there is no such container
  const options: AttachOptions = {
    stdin: query.bool('stdin'),
    stdout: query.bool('stdout'),
    stderr: query.bool('stderr'),
    logs: query.bool('logs'),
    stream: query.bool('stream'),
    detachKeys,
  };
  const session = await engine.containers.attach(pathId(request), options);
  const client = await hijack(request, { contentType: streamContentType(request, session.tty) });
  return runSession(request, session, client);
}

async function containerStats(request: ApiRequest): Promise<null> {
  const { engine, query, signal } = request;
  const { id } = engine.containers.inspect(pathId(request));
  const isStream = query.bool('stream', true);
  const oneShot = atLeast(request.version, '1.41') && query.bool('one-shot');
  if (isStream && oneShot) throw invalid('cannot have stream=true and one-shot=true');
  const samples = engine.containers.stats(id, { stream: isStream, oneShot }, signal);
  return streamFlushed(request, 'application/json', statsLines(samples, atLeast(request.version, '1.52')));
}

async function* statsLines(samples: AsyncIterable<object>, hasOsType: boolean): AsyncGenerator<string> {
  for await (const sample of samples) {
    yield `${stringifyExactly(hasOsType ? { os_type: 'linux', ...sample } : { ...sample, os_type: undefined })}\n`;
  }
}

async function exportContainer(request: ApiRequest): Promise<ApiReply> {
  const tar = await request.engine.containers.export(pathId(request), request.signal);
  return stream(tar, 'application/octet-stream');
}

export const CONTAINER_STREAM_ROUTES: readonly RouteDefinition[] = [
  {
    method: 'GET',
    path: '/containers/{id}/logs',
    since: '1.24',
    cancelled: 'with-client',
    longLived: true,
    handler: containerLogs,
  },
  {
    method: 'POST',
    path: '/containers/{id}/attach',
    since: '1.24',
    cancelled: 'with-client',
    longLived: true,
    hijacks: true,
    plainErrors: true,
    handler: attachContainer,
  },
  {
    method: 'GET',
    path: '/containers/{id}/stats',
    since: '1.24',
    cancelled: 'with-client',
    longLived: true,
    handler: containerStats,
  },
  {
    method: 'GET',
    path: '/containers/{id}/export',
    since: '1.24',
    cancelled: 'with-client',
    handler: exportContainer,
  },
];
