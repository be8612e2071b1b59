import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { fastify } from 'fastify';
import { errorMessage, invalid } from '../../shared/errors.js';
import { apiVersion, formatVersion, MAX_API_VERSION, MIN_API_VERSION, compareVersions } from './api-version.js';
import type { RequestContext } from './api-request.js';
import { RoutedRequest } from './api-request.js';
import type { PathResolver, ResolvedPath } from './path-resolver.js';
import type { RouteMethod } from './route.js';
import { sendError, sendReply, sendText } from './send-reply.js';

const FOUND_PATH = '/';
const NOT_FOUND_PATH = '/page-not-found';
const OPTIONS_PATH = '/options';
const CONTENT_TYPE_ERRORS = new Set(['FST_ERR_CTP_INVALID_MEDIA_TYPE', 'FST_ERR_CTP_INVALID_CONTENT_LENGTH']);

/** Where each request in flight leads to, found once when its head arrives. */
export type ResolvedRequests = WeakMap<IncomingMessage, ResolvedPath>;

/**
 * The Fastify application behind all listeners. Routing is the PathResolver's, since no router that splits at slashes finds the version
 * prefix and names with slashes: Fastify has one route for all that is found. A route each would be a fifteenth of the daemon's start.
 */
export async function createDispatcher(
  methods: readonly RouteMethod[],
  resolver: PathResolver,
  resolved: ResolvedRequests,
  context: RequestContext,
): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    // No route has a schema: without this, its compilers are loaded all the same (3 MiB, and a twentieth of the daemon's start).
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    rewriteUrl: (raw) => {
      const request = raw;
      if (request.method === 'OPTIONS') return OPTIONS_PATH;
      const found = resolved.get(request) ?? resolver.resolve(request.method ?? '', request.url ?? '');
      if (!found) return NOT_FOUND_PATH;
      resolved.set(request, found);
      return FOUND_PATH;
    },
  });
  // Bodies are read by those handlers that want them, by Docker's rules and not by Fastify's.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  const headers = commonHeaders(context);
  const setHeaders = (response: ServerResponse): void => {
    for (const [name, value] of headers) response.setHeader(name, value);
  };
  app.route({
    method: [...methods],
    url: FOUND_PATH,
    handler: (request, reply) => {
      reply.hijack();
      setHeaders(reply.raw);
      const found = resolved.get(request.raw);
      if (!found) return sendNotFound(reply.raw);
      return dispatch(found, context, request, reply);
    },
  });
  app.options(OPTIONS_PATH, (_request, reply) => {
    reply.hijack();
    setHeaders(reply.raw);
    reply.raw.writeHead(200, { 'Content-Length': 0 }).end();
  });
  app.setNotFoundHandler((_request, reply) => {
    reply.hijack();
    setHeaders(reply.raw);
    sendNotFound(reply.raw);
  });
  app.setErrorHandler((error: Error & { code?: string }, _request, reply) => {
    reply.hijack();
    setHeaders(reply.raw);
    const known = CONTENT_TYPE_ERRORS.has(error.code ?? '');
    sendError(reply.raw, null, known ? invalid(errorMessage(error), error) : error, context.log);
  });
  await app.ready();
  return app;
}

function noSchemas(): never {
  throw new Error('a route has a schema, and there is nothing to compile it');
}

async function dispatch(
  found: ResolvedPath,
  context: RequestContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { route, version, versionText } = found;
  const oldest = route.alsoOlderSince ? apiVersion(route.alsoOlderSince) : MIN_API_VERSION;
  if (versionText !== null && compareVersions(version, oldest) < 0) return sendTooOld(reply.raw, versionText);
  try {
    checkVersion(found);
    const answer = await route.handler(new RoutedRequest(context, found, request, reply));
    if (answer) sendReply(reply.raw, route, version, answer, context.log);
  } catch (error) {
    sendError(reply.raw, route, error, context.log);
  }
}

function checkVersion({ version, versionText }: ResolvedPath): void {
  if (versionText === null) return;
  if (compareVersions(version, MAX_API_VERSION) > 0) {
    throw invalid(
      `client version ${versionText} is too new. Maximum supported API version is ${formatVersion(MAX_API_VERSION)}`,
    );
  }
}

/** As text: clients as old as this print the answer as it is. */
function sendTooOld(response: ServerResponse, versionText: string): void {
  const minimum = formatVersion(MIN_API_VERSION);
  const message = `client version ${versionText} is too old. Minimum supported API version is ${minimum}, please upgrade your client to a newer version`;
  sendText(response, 400, 'text/plain; charset=utf-8', `${message}\n`);
}

function commonHeaders({ server }: RequestContext): readonly (readonly [string, string])[] {
  return [
    ['Api-Version', formatVersion(MAX_API_VERSION)],
    ['Docker-Experimental', String(server.experimental)],
    ['Ostype', 'linux'],
    ['Server', `Docker/${server.version} (linux)`],
  ];
}

function sendNotFound(response: ServerResponse): void {
  sendText(response, 404, 'application/json', '{"message":"page not found"}\n');
}
