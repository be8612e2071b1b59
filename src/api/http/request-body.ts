import type { IncomingMessage } from 'node:http';
import { invalid } from '../../shared/errors.js';
import { describeJsonError } from './go-json-syntax.js';
import { detachedConnection } from './detached-connection.js';
import { parseMediaType } from './media-type.js';

/** Largest JSON body that is read into memory. dockerd has no limit; no client comes near this one. */
export const JSON_BODY_LIMIT_BYTES = 16 * 1024 * 1024;

/** The announced length; null for none or a chunked body. */
export function contentLength(request: IncomingMessage): number | null {
  const header = request.headers['content-length'];
  return header === undefined ? null : Number(header);
}

/** Whether a body may follow: a length above 0, or chunks. */
export function hasBody(request: IncomingMessage): boolean {
  return request.headers['transfer-encoding'] !== undefined || (contentLength(request) ?? 0) > 0;
}

/**
 * The parsed JSON body; undefined when it is empty. Throws invalid when its content type is not JSON, when it is not one
 * JSON value, or when it is larger than the limit.
 */
export async function readJsonBody(request: IncomingMessage, limitBytes = JSON_BODY_LIMIT_BYTES): Promise<unknown> {
  if (!hasBody(request)) return undefined;
  // A chunked body may turn out to be empty, and an empty one needs no content type.
  if (contentLength(request) !== null) requireJsonType(request);
  const body = await readBody(request, limitBytes);
  if (body.length === 0) return undefined;
  requireJsonType(request);
  const text = body.toString('utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (text.trim() === '') throw invalid('invalid JSON: got EOF while reading request body', error);
    throw invalid(describeJsonError(text), error);
  }
}

async function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  if ((contentLength(request) ?? 0) > limitBytes) throw tooLarge();
  const detached = detachedConnection(request);
  if (detached) return detached.body(limitBytes);
  return new Promise((resolve, reject) => collect(request, limitBytes, resolve, reject));
}

/** By the events: an asynchronous iteration takes a fifth of a millisecond. What is too large is read on, and dropped. */
function collect(
  request: IncomingMessage,
  limitBytes: number,
  resolve: (body: Buffer) => void,
  reject: (error: Error) => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    const hadRoom = size <= limitBytes;
    size += chunk.length;
    if (size <= limitBytes) return void chunks.push(chunk);
    chunks.length = 0;
    if (hadRoom) reject(tooLarge());
  });
  request.once('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
  // Also when the client leaves; when it has left already, nothing comes any more.
  request.once('error', reject);
  if (request.destroyed && !request.complete) reject(invalid('unexpected EOF'));
}

export function tooLarge(): Error {
  return invalid('http: request body too large');
}

function requireJsonType(request: IncomingMessage): void {
  const header = request.headers['content-type'] ?? '';
  const { mediaType, error } = parseMediaType(header);
  if (error !== null) throw invalid(`malformed Content-Type header (${header}): mime: ${error}`);
  if (mediaType !== 'application/json') {
    throw invalid(`unsupported Content-Type header (${mediaType}): must be 'application/json'`);
  }
}
