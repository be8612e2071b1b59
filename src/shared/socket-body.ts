import type { Readable } from 'node:stream';

/** An HTTP body that is still on its way through a socket, for whoever reads it there. */
export interface SocketBody {
  /** The socket's descriptor, which stays its owner's: duplicate it before doing anything else. */
  readonly fd: number;
  /** Bytes that were read already, framing included; they come first. */
  readonly head: Uint8Array;
  /** What the sender announced; null: chunked. */
  readonly lengthBytes: number | null;
}

/** A stream of a body that may be read off its socket by somebody else, another thread, instead. */
export interface HandsOver {
  /**
   * Stops reading here, for good; null when the body can't be had from the socket (TLS, or some of it has been read as a stream).
   * The stream stays empty. Destroy it when the body has been read: its owner then listens again for the sender's departure.
   */
  handOver(): SocketBody | null;
}

/** Takes the body of a stream that can hand it over; null: read the stream. */
export function takeSocketBody(stream: Readable): SocketBody | null {
  return 'handOver' in stream ? (stream as Readable & HandsOver).handOver() : null;
}
