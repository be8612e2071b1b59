import { pipeline } from 'node:stream/promises';
import type { Readable } from 'node:stream';
import { createDeflate, createGzip } from 'node:zlib';
import type { PathStat } from '../../engine/containers/container-service.js';
import { errorMessage, invalid } from '../../shared/errors.js';
import { type ApiReply, empty, type ReplyHeaders, stream } from '../http/reply.js';
import type { ApiRequest, RouteDefinition } from '../http/route.js';
import { pathId } from './container-id.js';

function archivePath({ query }: ApiRequest): string {
  const path = query.string('path');
  if (path === '') throw invalid('bad parameter: pathcannot be empty'); // the missing blank is dockerd's
  return path;
}

function statHeader(stat: PathStat): ReplyHeaders {
  const { name, sizeBytes, mode, mtime, linkTarget } = stat;
  const text = JSON.stringify({ name, size: sizeBytes, mode, mtime, linkTarget });
  return { 'X-Docker-Container-Path-Stat': Buffer.from(text).toString('base64') };
}

async function statArchive(request: ApiRequest): Promise<ApiReply> {
  const stat = await request.engine.containers.statPath(pathId(request), archivePath(request));
  return empty(200, statHeader(stat));
}

async function getArchive(request: ApiRequest): Promise<ApiReply> {
  const { engine, signal, headers } = request;
  const { stat, tar } = await engine.containers.getArchive(pathId(request), archivePath(request), signal);
  const encoding = acceptedEncoding(headers['accept-encoding']);
  if (encoding === null) return stream(tar, 'application/x-tar', statHeader(stat));
  const packed = compressed(request, tar, encoding);
  return stream(packed, 'application/x-tar', { ...statHeader(stat), 'Content-Encoding': encoding });
}

/** gzip before deflate; null when the client named neither. */
function acceptedEncoding(header: string | string[] | undefined): 'gzip' | 'deflate' | null {
  const names = String(header ?? '')
    .split(',')
    .map((part) => part.trim().split(';')[0]?.toLowerCase());
  if (names.includes('gzip')) return 'gzip';
  return names.includes('deflate') ? 'deflate' : null;
}

/** The tar packed at the fastest level: the client is mostly on this host. A failing tar destroys the result with its error. */
function compressed({ log }: ApiRequest, tar: Readable, encoding: 'gzip' | 'deflate'): Readable {
  const packer = encoding === 'gzip' ? createGzip({ level: 1 }) : createDeflate({ level: 1 });
  pipeline(tar, packer).catch((error: unknown) => log.debug(`archive not sent: ${errorMessage(error)}`));
  return packer;
}

async function putArchive(request: ApiRequest): Promise<ApiReply> {
  const { engine, query, signal } = request;
  const body = request.bodyStream();
  const options = {
    noOverwriteDirNonDir: query.bool('noOverwriteDirNonDir'),
    copyUidGid: query.bool('copyUIDGID'),
  };
  await engine.containers.putArchive(pathId(request), archivePath(request), body, options, signal);
  return empty(200);
}

const PATH = '/containers/{id}/archive';

export const CONTAINER_ARCHIVE_ROUTES: readonly RouteDefinition[] = [
  { method: 'HEAD', path: PATH, since: '1.24', cancelled: 'detached', handler: statArchive },
  { method: 'GET', path: PATH, since: '1.24', cancelled: 'with-client', handler: getArchive },
  { method: 'PUT', path: PATH, since: '1.24', cancelled: 'with-client', uploads: true, handler: putArchive },
];
