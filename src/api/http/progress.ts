import type { Progress, ProgressSink } from '../../engine/images/image-service.js';
import { errorMessage } from '../../shared/errors.js';
import { progressBar } from './progress-bar.js';
import type { ApiRequest } from './route.js';

const BACKLOG_LIMIT_BYTES = 16 * 1024 * 1024;

/**
 * Runs `work` and writes its messages as NDJSON progress. An error before the first message is thrown on and becomes an
 * HTTP status; one after it is written in-band. Resolves to null, to be returned by the handler. For a client that does
 * not read, intermediate counts are left out, and it is cut off once 16 MiB wait for it; `signal` is the request's, aborted
 * on that as well.
 */
export async function streamProgress(
  request: ApiRequest,
  work: (progress: ProgressSink, signal: AbortSignal) => Promise<void>,
  options: { contentType?: string } = {},
): Promise<null> {
  const response = request.raw.response;
  const begin = (): void => {
    if (response.headersSent) return;
    response.writeHead(200, { 'Content-Type': options.contentType ?? 'application/json' });
  };
  const sink: ProgressSink = (message) => {
    if (response.destroyed || response.writableEnded) return;
    begin();
    if (response.writableNeedDrain && isIntermediate(message)) return;
    response.write(progressLine(message));
    if (response.writableLength > BACKLOG_LIMIT_BYTES) response.destroy();
  };
  try {
    await work(sink, request.signal);
  } catch (error) {
    if (!response.headersSent) throw error;
    const message = errorMessage(error);
    if (!response.destroyed) response.end(line({ errorDetail: { message }, error: message }));
    return null;
  }
  begin();
  response.end();
  return null;
}

/** A message as dockerd writes it, with the drawn bar that old clients print. */
export function progressLine(message: Progress): string {
  const { status, stream, progressDetail, aux, id } = message;
  if (aux !== undefined) return line({ progressDetail, id, aux });
  if (stream !== undefined) return line({ stream });
  const bar = progressDetail ? progressBar(progressDetail.current ?? 0, progressDetail.total ?? 0) : '';
  return line({ status, progressDetail, progress: bar === '' ? undefined : bar, id });
}

/** Whether a later message makes this one superfluous. */
function isIntermediate({ progressDetail }: Progress): boolean {
  return progressDetail?.current !== undefined && progressDetail.current < (progressDetail.total ?? Infinity);
}

function line(object: object): string {
  return `${JSON.stringify(object)}\r\n`;
}
