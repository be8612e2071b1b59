import { Duplex } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { RawData, WebSocket } from 'ws';
import { MuxPayload } from './mux-payload.js';

const NORMAL_CLOSURE = 1000;

/**
 * An open WebSocket as the duplex that attach sessions talk to. What is written goes out as binary frames, or as text
 * frames for clients below 1.28; with `multiplexed`, Docker's frame headers are taken off first. What the client sends,
 * in either kind of frame, is read; its close is the end of input. `end()` closes normally.
 */
export class WebSocketStream extends Duplex {
  private readonly payload: MuxPayload | null;
  private readonly decoder: StringDecoder | null;

  constructor(
    private readonly socket: WebSocket,
    options: { binary: boolean; multiplexed: boolean },
  ) {
    super();
    this.payload = options.multiplexed ? new MuxPayload() : null;
    // A character may be split between two writes, but not between two text frames.
    this.decoder = options.binary ? null : new StringDecoder('utf8');
    socket.on('message', (data: RawData) => {
      if (!this.push(toBuffer(data))) socket.pause();
    });
    socket.once('close', () => {
      this.push(null);
      this.destroy();
    });
    socket.once('error', (error) => this.destroy(error));
  }

  override _read(): void {
    this.socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const bytes = this.payload ? this.payload.push(chunk) : chunk;
    const message = this.decoder ? this.decoder.write(bytes) : bytes;
    if (message.length === 0) return done();
    this.socket.send(message, { binary: this.decoder === null }, (error) => done(error));
  }

  override _final(done: () => void): void {
    this.socket.close(NORMAL_CLOSURE);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.socket.readyState !== this.socket.CLOSED) this.socket.terminate();
    done(error);
  }
}

function toBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
