import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { fastify } from 'fastify';
import { invalid } from '../../shared/errors.js';
import { apiVersion, formatVersion, MAX_API_VERSION, MIN_API_VERSION, compareVersions } from './api-version.js';
import type { RequestContext } from './api-request.js';
import { RoutedRequest } from './api-request.js';
import { commonHeaders } from './common-headers.js';
import type { ResolvedPath } from './path-resolver.js';
import { sendError, sendReply, sendText } from './send-reply.js';

/** Where a request leads to; null: nowhere. */
export type Resolve = (request: IncomingMessage) => ResolvedPath | null;

/**
 * What all listeners do with a request. One that leads somewhere goes there by itself: routing is the PathResolver's, since no router that
 * splits at slashes finds the version prefix and names with slashes, and bodies and their types are the handlers', by Docker's rules. What
 * is left is Fastify's (decision 56).
 */
export async function createDispatcher(resolve: Resolve, context: RequestContext): Promise<RequestListener> {
  const headers = commonHeaders(context.server);
  const setHeaders = (response: ServerResponse): void => {
    for (const [name, value] of headers) response.setHeader(name, value);
  };
  const leadingNowhere = await createFallback(setHeaders, context);
  return (request, response) => {
    const found = resolve(request);
    if (!found) return leadingNowhere(request, response);
    setHeaders(response);
    void dispatch(found, context, request, response);
  };
}

/** The Fastify application behind all listeners, for what is no operation of the API. */
async function createFallback(
  setHeaders: (response: ServerResponse) => void,
  { log }: RequestContext,
): Promise<RequestListener> {
  const app = fastify({
    logger: false,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    // No route has a schema: without this, its compilers are loaded all the same (3 MiB, and a twentieth of the daemon's start).
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    // Paths that Fastify finds malformed are just not found.
    rewriteUrl: () => '/',
  });
  // Not in a handler: before those, the type of the body is looked at.
  app.addHook('onRequest', (request, reply) => {
    reply.hijack();
    setHeaders(reply.raw);
    if (request.method === 'OPTIONS') reply.raw.writeHead(200, { 'Content-Length': 0 }).end();
    else sendNotFound(reply.raw);
  });
  app.setErrorHandler((error, _request, reply) => {
    reply.hijack();
    setHeaders(reply.raw);
    sendError(reply.raw, null, error, log);
  });
  await app.ready();
  return (request, response) => app.routing(request, response);
}

function noSchemas(): never {
  throw new Error('a route has a schema, and there is nothing to compile it');
}

/** Never throws: whatever goes wrong is answered, or cuts the connection. */
async function dispatch(
  found: ResolvedPath,
  context: RequestContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { route, version, versionText } = found;
  try {
    if (versionText !== null) {
      const oldest = route.alsoOlderSince ? apiVersion(route.alsoOlderSince) : MIN_API_VERSION;
      if (compareVersions(version, oldest) < 0) return sendTooOld(response, versionText);
      if (compareVersions(version, MAX_API_VERSION) > 0) throw tooNew(versionText);
    }
    const answer = await route.handler(new RoutedRequest(context, found, request, response));
    if (answer) sendReply(response, route, version, answer, context.log);
  } catch (error) {
    sendError(response, route, error, context.log);
  }
}

function tooNew(versionText: string): Error {
  return invalid(
    `client version ${versionText} is too new. Maximum supported API version is ${formatVersion(MAX_API_VERSION)}`,
  );
}

/** As text: clients as old as this print the answer as it is. */
function sendTooOld(response: ServerResponse, versionText: string): void {
  const minimum = formatVersion(MIN_API_VERSION);
  const message = `client version ${versionText} is too old. Minimum supported API version is ${minimum}, please upgrade your client to a newer version`;
  sendText(response, 400, 'text/plain; charset=utf-8', `${message}\n`);
}

function sendNotFound(response: ServerResponse): void {
  sendText(response, 404, 'application/json', '{"message":"page not found"}\n');
}
