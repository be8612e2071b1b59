import type { ProgressSink } from '../../engine/images/image-service.js';
import type { ApiRequest } from './route.js';

/**
 * Runs `work` and writes its messages as NDJSON progress. An error before the first message is thrown on and becomes an
 * HTTP status; one after it is written in-band. Resolves to null, to be returned by the handler. A client that does not
 * read is cut off once 16 MiB wait for it; `signal` is the request's, aborted on that as well.
 */
export declare function streamProgress(
  request: ApiRequest,
  work: (progress: ProgressSink, signal: AbortSignal) => Promise<void>,
  options?: { contentType?: string },
): Promise<null>;
