import { connect } from 'node:net';
import type { ApiClient } from '../../support/api-client.js';
import type { Scene } from './scene.js';

export interface CornerRequest {
  method: string;
  path: string;
  headers?: Record<string, string>;
  /** Sent as it is; objects as JSON, with that content type unless `headers` has one. */
  body?: unknown;
  /** Written to the socket as it is, and the sending side is then closed; for streams that HTTP clients hide. */
  raw?: boolean;
}

export interface CornerReply {
  status: number;
  headers: Record<string, string>;
  /** JSON as an object; anything else as text, its bytes as latin1. */
  body: unknown;
}

/** A case as the fixture has it. */
export interface CornerCase {
  section: string;
  /** What is compared of the reply's body: all of it (default), only the types in it, or nothing. */
  compare?: 'shape' | 'none';
  /** Compare just this field of each element of the list. */
  only?: string;
  request: CornerRequest;
  reply: CornerReply;
}

/** Headers that clients look at. The rest (date, length of chunked bodies) is transport. */
const KEPT_HEADERS = [
  'content-type',
  'cache-control',
  'pragma',
  'swarm',
  'ostype',
  'docker-experimental',
  'server',
  'connection',
  'upgrade',
  'location',
];

/** Asks, and gives the reply with nothing in it that belongs to this run alone. */
export async function ask(
  api: ApiClient,
  scene: Scene,
  { request, compare, only }: Omit<CornerCase, 'reply'>,
): Promise<CornerReply> {
  const path = scene.fill(request.path);
  const sent =
    request.body === undefined ? undefined : (JSON.parse(scene.fill(JSON.stringify(request.body))) as unknown);
  const reply = request.raw
    ? await askRaw(api.socketPath, { ...request, path, body: sent })
    : await api.call(request.method, path, sent, request.headers);
  const headers: Record<string, string> = {};
  for (const name of KEPT_HEADERS) {
    const value = reply.headers[name];
    if (typeof value === 'string' && (name !== 'connection' || value === 'Upgrade')) headers[name] = value;
  }
  if (headers.server) headers.server = headers.server.replace(/Docker\/\S+/, 'Docker/<version>');
  return { status: reply.status, headers, body: bodyOf(scene.normalise(reply.text), headers, { compare, only }) };
}

function bodyOf(
  text: string,
  headers: Record<string, string>,
  { compare, only }: Pick<CornerCase, 'compare' | 'only'>,
): unknown {
  if (compare === 'none') return null;
  const isJson = headers['content-type']?.startsWith('application/json') === true;
  let body: unknown = text;
  try {
    if (isJson && text !== '') body = JSON.parse(text);
  } catch {
    body = text; // several values in a row
  }
  if (only !== undefined && Array.isArray(body)) {
    return body.map((element) => (element as Record<string, unknown>)[only]);
  }
  return compare === 'shape' ? shape(body) : body;
}

/** Types instead of values, so that it says which fields there are and what is null. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shape(value[0])];
  if (value === null || typeof value !== 'object') return value === null ? null : typeof value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, shape(inner)]),
  );
}

interface RawReply {
  status: number;
  headers: Record<string, string>;
  text: string;
}

function askRaw(socketPath: string, request: CornerRequest): Promise<RawReply> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    const chunks: Buffer[] = [];
    const body = request.body === undefined ? '' : JSON.stringify(request.body);
    const headers = {
      Host: 'docker',
      ...(body === '' ? {} : { 'Content-Type': 'application/json', 'Content-Length': String(body.length) }),
      ...request.headers,
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.setTimeout(15_000, () => socket.destroy(new Error(`no end of the answer to ${request.path}`)));
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      // Not earlier: dockerd takes an end that comes before the answer for a client that has gone.
      socket.end();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(parseRaw(Buffer.concat(chunks).toString('latin1'))));
    socket.write(`${request.method} ${request.path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
  });
}

function parseRaw(text: string): RawReply {
  const end = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  return { status: Number(statusLine.split(' ')[1]), headers, text: text.slice(end + 4) };
}
