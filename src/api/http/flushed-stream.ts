import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { ApiRequest } from './route.js';

/**
 * Sends the headers at once, then each chunk as it comes (logs -f, events, stats, wait). Waits for a slow client
 * (backpressure). A failing source cuts the connection. Resolves to null, to be returned by the handler.
 */
export async function streamFlushed(
  request: ApiRequest,
  contentType: string,
  chunks: AsyncIterable<string | Buffer>,
): Promise<null> {
  const response = request.raw.response;
  response.writeHead(200, { 'Content-Type': contentType });
  response.flushHeaders();
  try {
    for await (const chunk of chunks) {
      if (!response.write(chunk)) await drained(response);
      if (response.destroyed) return null;
    }
  } catch (error) {
    if (!request.signal.aborted) {
      request.log.warn({ err: error }, 'a response stream failed');
      response.destroy();
      return null;
    }
  }
  response.end();
  return null;
}

/** Until the client has taken what was written, or is gone. */
export async function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed || !response.writableNeedDrain) return;
  const settled = new AbortController();
  try {
    await Promise.race([
      once(response, 'drain', { signal: settled.signal }),
      once(response, 'close', { signal: settled.signal }),
    ]);
  } finally {
    settled.abort();
  }
}
