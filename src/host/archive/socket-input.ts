import { readSync } from 'node:fs';
import { Socket } from 'node:net';
import { cancelled } from '../../shared/errors.js';
import { HttpBodyDecoder } from '../../shared/http-body-decoder.js';
import { errnoOf } from './archive-error.js';
import type { JobInput } from './job-input.js';

/** More than a unix socket holds at once, so that one read empties it. */
const READ_BYTES = 256 * 1024;

/** A body on a socket, as it is handed to the thread that reads it; the descriptor is the reader's own. */
export interface SocketSource {
  fd: number;
  head: Uint8Array;
  lengthBytes: number | null;
}

/** After so many reads without a wait messages of the main thread are listened to. */
const READS_PER_TURN = 64;

/**
 * Reads an HTTP body off a socket. Every read goes into the same memory: a chunk is gone once the next is asked for. It ends with the
 * body; a client that leaves before makes it fail with cancelled.
 */
export class SocketInput implements JobInput {
  private readonly decoder: HttpBodyDecoder;
  private readonly socket: Socket;
  private readonly buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  /** Content that has been read and not yet handed out. */
  private ready: Buffer | null = null;
  private failure: Error | null = null;
  private wake: (() => void) | null = null;
  private reads = 0;

  /** `onEnd` is called once the body is complete: the socket's owner may listen again. */
  constructor(
    private readonly source: SocketSource,
    private readonly onEnd: () => void,
  ) {
    const { fd, head, lengthBytes } = source;
    this.decoder = new HttpBodyDecoder(lengthBytes);
    const callback = (bytes: number): boolean => {
      this.take(this.buffer.subarray(0, bytes));
      return false;
    };
    const onread = { buffer: this.buffer, callback };
    const options = { fd, readable: true, writable: false, allowHalfOpen: true, manualStart: true, onread };
    // @types/node knows of `onread` for connect() and of `manualStart` not at all; it is the constructor that takes them.
    this.socket = new Socket(options);
    this.socket
      .on('error', () => this.gone())
      .on('end', () => this.gone())
      .on('close', () => this.gone());
    this.take(Buffer.from(head.buffer, head.byteOffset, head.length));
  }

  fail(error: Error): void {
    this.failure ??= error;
    this.notify();
  }

  close(): void {
    this.socket.destroy();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      if (this.failure) throw this.failure;
      const { ready } = this;
      this.ready = null;
      if (ready) yield ready;
      else if (this.decoder.done) return;
      else if (++this.reads % READS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      else if (!this.readNow()) await this.wait();
    }
  }

  /** Mostly the client has sent more while the last chunk was worked on: a read costs much less than a turn of the event loop. */
  private readNow(): boolean {
    try {
      const bytes = readSync(this.source.fd, this.buffer, 0, READ_BYTES, null);
      if (bytes === 0) this.gone();
      else this.take(this.buffer.subarray(0, bytes));
      return true;
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN') this.gone();
      return false;
    }
  }

  private wait(): Promise<void> {
    const more = new Promise<void>((resolve) => (this.wake = resolve));
    if (this.failure) this.notify();
    else this.socket.resume();
    return more;
  }

  /** Moves the content together over the framing between: one large write costs much less than several. */
  private take(data: Buffer): void {
    let bytes = 0;
    try {
      this.decoder.push(data, (piece) => {
        if (piece.byteOffset !== data.byteOffset + bytes) data.set(piece, bytes);
        bytes += piece.length;
      });
    } catch (error) {
      this.fail(error as Error);
    }
    if (bytes > 0) this.ready = data.subarray(0, bytes);
    if (this.decoder.done) {
      this.socket.destroy();
      this.onEnd();
    }
    this.notify();
  }

  private gone(): void {
    if (!this.decoder.done) this.fail(cancelled('client disconnected'));
  }

  private notify(): void {
    const wake = this.wake;
    this.wake = null;
    wake?.();
  }
}
