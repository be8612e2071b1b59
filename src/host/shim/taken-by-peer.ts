import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { unreadByPeer } from '../sys/unread.js';
import { bareSocket } from './bare-socket.js';

/** A client that is slower than this is busy with something else. */
const WITHIN_MS = 20;
/** Turns of the loop before it gets a pause: most clients read within some 100 microseconds. */
const QUICK_LOOKS = 20;

/**
 * Waits until the client has read all that was written to it, at most `withinMs`. docker-py reads the head of an answer through a buffer and
 * then goes on with the bare socket: what comes in one piece with the head is lost to it. Only a unix socket can tell.
 */
export async function takenByPeer(stream: Duplex, withinMs = WITHIN_MS): Promise<void> {
  const socket = bareSocket(stream);
  if (!socket) return;
  await socket.flushed();
  const deadline = performance.now() + withinMs;
  for (let looks = 0; !stream.destroyed && unreadByPeer(socket.fd()) > 0; looks++) {
    if (performance.now() > deadline) return;
    await (looks < QUICK_LOOKS ? nextTurn() : delay(1));
  }
}
