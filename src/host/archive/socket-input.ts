import { Socket } from 'node:net';
import { cancelled } from '../../shared/errors.js';
import { HttpBodyDecoder } from '../../shared/http-body-decoder.js';
import { receiveAvailable, waitReadable } from '../sys/stream-io.js';
import type { JobInput } from './job-input.js';

/** What a chunk should have at least, as long as the client keeps up: few large writes cost much less than many small ones. */
const CHUNK_BYTES = 256 * 1024;
/** With so much in hand it is written rather than that the thread sleeps: the client sends more meanwhile. */
const ENOUGH_BYTES = 96 * 1024;
/** More than a unix socket holds at once, so that one read empties it. */
const READ_BYTES = 256 * 1024;

/** A body on a socket, as it is handed to the thread that reads it; the descriptor is the reader's own. */
export interface SocketSource {
  fd: number;
  head: Uint8Array;
  lengthBytes: number | null;
}

/** How long the thread is held for a client that may be slow. */
const WAIT_MS = 2;
/** After so many chunks without a wait messages of the main thread are listened to. */
const CHUNKS_PER_TURN = 32;

/**
 * Reads an HTTP body off a socket. Every read goes into the same memory: a chunk is gone once the next is asked for. It ends with the
 * body; a client that leaves before makes it fail with cancelled.
 */
export class SocketInput implements JobInput {
  private readonly decoder: HttpBodyDecoder;
  private readonly socket: Socket;
  private readonly buffer: Buffer;
  /** Content at the head of the buffer that has not yet been handed out. */
  private readyBytes = 0;
  private failure: Error | null = null;
  private wake: (() => void) | null = null;

  /** `onEnd` is called once the body is complete: the socket's owner may listen again. */
  constructor(
    private readonly source: SocketSource,
    private readonly onEnd: () => void,
  ) {
    const { fd, head, lengthBytes } = source;
    this.decoder = new HttpBodyDecoder(lengthBytes);
    this.buffer = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES + READ_BYTES, head.length));
    const callback = (bytes: number): boolean => {
      this.take(0, bytes);
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
    this.buffer.set(head);
    this.take(0, head.length);
  }

  fail(error: Error): void {
    this.failure ??= error;
    this.notify();
  }

  close(): void {
    this.socket.destroy();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (let turn = 1; ; turn++) {
      if (turn % CHUNKS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      if (this.failure) throw this.failure;
      this.fill();
      const bytes = this.readyBytes;
      this.readyBytes = 0;
      if (bytes > 0) yield this.buffer.subarray(0, bytes);
      else if (this.decoder.done) return;
      else await this.wait();
    }
  }

  /** Mostly the client sends more while the last chunk is worked on: to wait for that here costs much less than a turn of the event loop. */
  private fill(): void {
    while (this.readyBytes < CHUNK_BYTES && !this.decoder.done && !this.failure) {
      const at = this.readyBytes;
      const bytes = this.readNow(at);
      if (bytes > 0) this.take(at, bytes);
      else if (at >= ENOUGH_BYTES || !waitReadable(this.source.fd, WAIT_MS)) return;
    }
  }

  /** 0: there is nothing to read, for now or for ever. */
  private readNow(at: number): number {
    try {
      const bytes = receiveAvailable(this.source.fd, this.buffer.subarray(at, at + READ_BYTES));
      if (bytes === 0) this.gone();
      return bytes ?? 0;
    } catch {
      this.gone(); // a connection that was reset, by a client that is gone
      return 0;
    }
  }

  private wait(): Promise<void> {
    const more = new Promise<void>((resolve) => (this.wake = resolve));
    if (this.failure) this.notify();
    else this.socket.resume();
    return more;
  }

  /** Of the bytes at `at`, moves the content together over the framing between. */
  private take(at: number, bytes: number): void {
    const { buffer } = this;
    const data = buffer.subarray(at, at + bytes);
    try {
      this.decoder.push(data, (piece) => {
        if (piece.byteOffset !== buffer.byteOffset + this.readyBytes) buffer.set(piece, this.readyBytes);
        this.readyBytes += piece.length;
      });
    } catch (error) {
      this.fail(error as Error);
    }
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
