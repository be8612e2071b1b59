import type { ApiRequest } from './route.js';

/**
 * Sends the headers at once, then each chunk as it comes (logs -f, events, stats, wait). Waits for a slow client
 * (backpressure). A failing source cuts the connection. Resolves to null, to be returned by the handler.
 */
export declare function streamFlushed(
  request: ApiRequest,
  contentType: string,
  chunks: AsyncIterable<string | Buffer>,
): Promise<null>;
