import type { ServerResponse } from 'node:http';
import { cancelled } from '../../shared/errors.js';

/** Never aborted: what detached routes are given. */
export const NEVER_ABORTED: AbortSignal = new AbortController().signal;

/** Aborters of the long-lived requests in flight, for shutdown. */
export type LongLivedRequests = Set<AbortController>;

/**
 * A signal that is aborted when the client goes away before the answer is complete. It watches the response's close: the
 * request closes as soon as its body has been read.
 */
export function clientSignal(response: ServerResponse, longLived: LongLivedRequests | null): AbortSignal {
  const controller = new AbortController();
  longLived?.add(controller);
  response.once('close', () => {
    longLived?.delete(controller);
    if (!response.writableFinished) controller.abort(cancelled('client disconnected'));
  });
  if (response.destroyed) controller.abort(cancelled('client disconnected'));
  return controller.signal;
}
