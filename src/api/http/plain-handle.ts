import type { Socket } from 'node:net';

/** What is needed of a socket's handle. Source: node lib/net.js, the same from Node 12 to 24. */
export interface StreamHandle {
  readonly fd: number;
  reading: boolean;
  readStart(): number;
  readStop(): number;
}

/** null: the bytes of the socket are not those of the client (TLS), or this Node.js keeps its handle elsewhere. */
export function plainHandle(socket: Socket): StreamHandle | null {
  if ('encrypted' in socket) return null;
  const { _handle: handle } = socket as Socket & { _handle?: Partial<StreamHandle> | null };
  const known = typeof handle?.readStart === 'function' && typeof handle.readStop === 'function';
  return known && typeof handle.fd === 'number' && handle.fd >= 0 ? (handle as StreamHandle) : null;
}
