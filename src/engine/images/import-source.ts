import type { Readable } from 'node:stream';
import { STATUS_CODES } from 'node:http';
import { readBody } from '../../host/registry/read-body.js';
import { MAX_ERROR_BYTES } from '../../host/registry/registry-error.js';
import { internal, notFound, WharfError } from '../../shared/errors.js';
import type { ImageContext } from './image-context.js';
import type { ProgressSink } from './image-service.js';

const PROGRESS_INTERVAL_MS = 100;

/**
 * The archive at a URL (`host/path` is by http), whose arrival is told. Throws, in dockerd's words, what the server answers
 * instead; nothing is told then. Source: dockerd 28.5, observed.
 */
export async function openImportSource(
  context: ImageContext,
  source: string,
  progress: ProgressSink,
  signal: AbortSignal,
): Promise<Readable> {
  const url = source.includes('://') ? source : `http://${source}`;
  if (!URL.canParse(url)) throw internal(`Get ${JSON.stringify(url)}: http: no Host in request URL`);
  const response = await context.registries.fetch(url, signal);
  const status = response.statusCode ?? 0;
  if (status >= 400) {
    const body = (await readBody(response, MAX_ERROR_BYTES)).toString('utf8').trim();
    const text = `${status} ${response.statusMessage ?? STATUS_CODES[status] ?? ''}`.trim();
    const message = `failed to GET ${url} with status ${text}: ${body}`;
    throw status === 404 ? notFound(message) : new WharfError(status < 500 ? 'invalid' : 'internal', message);
  }
  progress({ status: `Downloading from ${url}` });
  const total = Number(response.headers['content-length'] ?? 0) || 0;
  let current = 0;
  let last = 0;
  response.on('data', (chunk: Buffer) => {
    current += chunk.length;
    if (Date.now() - last < PROGRESS_INTERVAL_MS && current !== total) return;
    last = Date.now();
    progress({ status: 'Importing', progressDetail: { current, total } });
  });
  // Paused until it is read: the listener above would let it flow away.
  response.pause();
  return response;
}
