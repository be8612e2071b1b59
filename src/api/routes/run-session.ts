import type { Duplex } from 'node:stream';
import type { AttachSession } from '../../engine/containers/container-service.js';
import type { ApiRequest } from '../http/route.js';

/**
 * Runs a session over a connection that was taken over. An error can't be answered any more: it is logged, unless the
 * client just left, and the connection is cut. Resolves to null, to be returned by the handler.
 */
export async function runSession(
  request: Pick<ApiRequest, 'log' | 'signal'>,
  session: AttachSession,
  client: Duplex,
): Promise<null> {
  try {
    await session.run(client);
  } catch (error) {
    if (!request.signal.aborted) request.log.warn({ err: error }, 'an attached session failed');
    client.destroy();
  }
  return null;
}
