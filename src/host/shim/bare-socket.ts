import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

/** What Node keeps behind a socket of the kernel's. Source: node lib/net.js, the same from Node 12 to 24. */
interface Handle {
  readonly fd?: number;
  reading?: boolean;
  readStop?(): number;
}

/** A stream that is nothing but a unix or TCP socket, so that its descriptor can go to another process. */
export interface BareSocket {
  fd(): number;
  /** What was written has gone to the kernel, or the socket is closed. */
  flushed(): Promise<void>;
  /** Nothing more is read from the kernel; what was, and nobody has taken yet, is returned. The stream is of no use for reading then. */
  stop(): Buffer;
}

/** null for a stream with something in between, such as TLS, and for a socket that is closed. */
export function bareSocket(stream: Duplex): BareSocket | null {
  if (!(stream instanceof Socket) || stream instanceof TLSSocket) return null;
  const handle = (stream as unknown as { _handle: Handle | null })._handle;
  const fd = handle?.fd ?? -1;
  const readStop = handle?.readStop?.bind(handle);
  if (!handle || fd < 0 || !readStop) return null;
  return {
    fd: () => fd,
    flushed: () => (stream.writableLength === 0 ? Promise.resolve() : written(stream)),
    stop: () => {
      stream.pause();
      const chunks: Buffer[] = [];
      for (let chunk = stream.read() as Buffer | null; chunk; chunk = stream.read() as Buffer | null) chunks.push(chunk);
      // reading from the buffer may have asked for more
      readStop();
      handle.reading = false;
      return Buffer.concat(chunks);
    },
  };
}

function written(stream: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('close', done);
      resolve();
    };
    stream.once('close', done);
    stream.write('', done);
  });
}
