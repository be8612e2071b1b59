import type { ServerResponse } from 'node:http';
import { errorMessage } from '../../shared/errors.js';
import type { Logger } from '../../shared/logger.js';
import { applyGates } from '../compat/apply-gates.js';
import type { ApiVersion } from './api-version.js';
import { compareVersions } from './api-version.js';
import { errorStatus } from './error-status.js';
import { RAW_STREAM } from './hijack.js';
import type { ApiReply, QuickReply } from './reply.js';
import type { RouteDefinition } from './route.js';
import { sendStream } from './send-stream.js';

/** Writes a handler's answer. */
export function sendReply(
  response: ServerResponse,
  route: RouteDefinition,
  version: ApiVersion,
  reply: ApiReply,
  log: Logger,
): void {
  if (reply.headers) for (const [name, value] of Object.entries(reply.headers)) response.setHeader(name, value);
  switch (reply.kind) {
    case 'json':
    case 'json-of':
      return sendText(response, reply.status, 'application/json', replyText(route, version, reply));
    case 'text':
      return sendText(response, reply.status, reply.contentType, replyText(route, version, reply));
    case 'empty':
      if (reply.status !== 204 && reply.status !== 304) response.setHeader('Content-Length', 0);
      response.writeHead(reply.status).end();
      return;
    case 'stream':
      response.setHeader('Content-Type', reply.contentType);
      return sendStream(response, reply.status, reply.stream, log);
  }
}

/** What a client of that version reads. Applies the gates to the body of the reply itself. */
export function replyText(route: RouteDefinition, version: ApiVersion, reply: QuickReply): string {
  switch (reply.kind) {
    case 'text':
      return reply.text;
    case 'json':
      return jsonText(route, version, reply.body);
    case 'json-of': {
      const last = kept.get(reply.subject);
      if (last?.route === route && compareVersions(last.version, version) === 0) return last.text;
      const text = jsonText(route, version, reply.make());
      kept.set(reply.subject, { route, version, text });
      return text;
    }
  }
}

/** The last text of each object that a `json-of` was about. */
const kept = new WeakMap<object, { route: RouteDefinition; version: ApiVersion; text: string }>();

function jsonText({ responseGates }: RouteDefinition, version: ApiVersion, body: unknown): string {
  if (responseGates) applyGates(responseGates, version, body);
  return `${JSON.stringify(body)}\n`;
}

/** Text with its length; a HEAD request's answer goes without the text, as Node sees to. */
export function sendText(response: ServerResponse, status: number, contentType: string, content: string): void {
  response
    .writeHead(status, { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(content) })
    .end(content);
}

/** Writes an error as `{"message": …}`; once the answer has begun, it can only cut the connection. */
export function sendError(response: ServerResponse, route: RouteDefinition | null, error: unknown, log: Logger): void {
  const status = errorStatus(error);
  if (status >= 500) log.error({ err: error }, 'request failed');
  if (response.headersSent) {
    response.destroy();
    return;
  }
  if (status === 304) {
    response.writeHead(304).end();
  } else if (route?.plainErrors) {
    // As dockerd's attach does, which has taken the connection over before it looks for the container.
    sendText(response, status, RAW_STREAM, `${errorMessage(error)}\r\n`);
  } else {
    sendText(response, status, 'application/json', `${JSON.stringify({ message: errorMessage(error) })}\n`);
  }
}
