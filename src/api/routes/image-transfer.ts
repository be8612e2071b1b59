import type { Readable } from 'node:stream';
import { internal, invalid, notFound } from '../../shared/errors.js';
import { atLeast } from '../http/api-version.js';
import type { ApiReply } from '../http/reply.js';
import { stream } from '../http/reply.js';
import { streamProgress } from '../http/progress.js';
import type { ApiRequest, RouteDefinition } from '../http/route.js';
import { platformJson, platformText } from '../schemas/platform-query.js';
import { decodeRegistryAuth } from '../schemas/registry-auth.js';

/** `POST /images/create`: a pull with `fromImage`, an import with `fromSrc`. */
async function createImage(request: ApiRequest): Promise<null> {
  const { query } = request;
  const fromImage = query.string('fromImage');
  if (fromImage !== '') return pullImage(request, fromImage);
  const fromSrc = query.string('fromSrc');
  if (fromSrc === '') throw internal('Get "http:": http: no Host in request URL');
  return importImage(request, fromSrc === '-' ? request.bodyStream() : fromSrc);
}

function pullImage(request: ApiRequest, fromImage: string): Promise<null> {
  const { engine, query, headers } = request;
  request.bodyStream().destroy(); // there is none, or nobody wants it
  const tag = query.string('tag');
  // A colon at the end asks for all tags, as no tag at all does.
  const name = fromImage.endsWith(':') ? fromImage.slice(0, -1) : fromImage;
  const options = {
    fromImage: name,
    tag,
    allTags: tag === '' && !hasTag(name),
    platform: platformOf(request),
    credentials: decodeRegistryAuth(headers['x-registry-auth']),
  };
  return streamProgress(request, (progress, signal) => engine.images.pull(options, progress, signal));
}

/** Whether a reference names a tag or digest itself; a port is not a tag. */
function hasTag(reference: string): boolean {
  return reference.includes('@') || /:[^/]*$/.test(reference);
}

function importImage(request: ApiRequest, source: Readable | string): Promise<null> {
  const { engine, query } = request;
  const options = {
    source,
    repo: query.string('repo'),
    tag: query.string('tag'),
    message: query.string('message'),
    changes: query.strings('changes'),
    platform: platformOf(request),
  };
  return streamProgress(request, async (progress, signal) => {
    await engine.images.import(options, progress, signal); // tells the id itself
  });
}

function platformOf({ query, version }: ApiRequest): string {
  return atLeast(version, '1.32') ? platformText(query.string('platform')) : '';
}

function pushImage(request: ApiRequest): Promise<null> {
  const { engine, query, headers, version } = request;
  const options = {
    ref: request.params.name ?? '',
    tag: query.string('tag'),
    platform: atLeast(version, '1.46') ? platformJson(query.string('platform')) : '',
    credentials: decodeRegistryAuth(headers['x-registry-auth']),
  };
  return streamProgress(request, (progress, signal) => engine.images.push(options, progress, signal));
}

function loadImages(request: ApiRequest): Promise<null> {
  const { engine, query } = request;
  const options = { quiet: query.bool('quiet', true), platforms: platformsOf(request) };
  return streamProgress(request, (progress, signal) =>
    engine.images.load(request.bodyStream(), options, progress, signal),
  );
}

async function saveImages(request: ApiRequest): Promise<ApiReply> {
  const { engine, query, params, signal } = request;
  const refs = params.name === undefined ? query.strings('names') : [params.name];
  if (refs.some((ref) => ref === '')) throw notFound('No such image: ');
  return stream(await engine.images.save(refs, { platforms: platformsOf(request) }, signal), 'application/x-tar');
}

/** One platform from 1.48 on, several from 1.52. */
function platformsOf({ query, version }: ApiRequest): string[] {
  if (!atLeast(version, '1.48')) return [];
  const platforms = query.strings('platform').filter((value) => value !== '');
  if (platforms.length > 1 && !atLeast(version, '1.52')) throw invalid('multiple platform parameters not supported');
  return platforms.map(platformJson);
}

export const IMAGE_TRANSFER_ROUTES: readonly RouteDefinition[] = [
  {
    method: 'POST',
    path: '/images/create',
    since: '1.24',
    cancelled: 'with-client',
    uploads: true,
    handler: createImage,
  },
  {
    method: 'POST',
    path: '/images/load',
    since: '1.24',
    alsoOlderSince: '1.22',
    cancelled: 'with-client',
    uploads: true,
    handler: loadImages,
  },
  {
    method: 'GET',
    path: '/images/get',
    since: '1.24',
    alsoOlderSince: '1.22',
    cancelled: 'with-client',
    handler: saveImages,
  },
  {
    method: 'GET',
    path: '/images/{name}/get',
    since: '1.24',
    alsoOlderSince: '1.22',
    cancelled: 'with-client',
    handler: saveImages,
  },
  { method: 'POST', path: '/images/{name}/push', since: '1.24', cancelled: 'with-client', handler: pushImage },
];
