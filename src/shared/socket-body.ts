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

/** A stream whose bytes somebody else, another thread, can write to a client's socket. */
export interface WritesItself {
  /**
   * Writes all of it to a stream socket as the chunked body of an HTTP/1.1 answer, its end included; then the stream is at its end, or has failed
   * as if it had been read. The descriptor stays its owner's, who writes nothing meanwhile. Rejects when the client or the
   * source fails. null: it is being read as a stream already.
   */
  writeTo(fd: number): Promise<void> | null;
}

/** Has a stream write itself to a socket; null: read the stream. */
export function writeToSocket(stream: Readable, fd: number): Promise<void> | null {
  return 'writeTo' in stream ? (stream as Readable & WritesItself).writeTo(fd) : null;
}
