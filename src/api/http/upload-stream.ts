import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { cancelled, invalid } from '../../shared/errors.js';
import { HttpBodyDecoder } from '../../shared/http-body-decoder.js';
import type { HandsOver, SocketBody } from '../../shared/socket-body.js';
import type { DetachedConnection } from './detached-connection.js';
import { contentLength } from './request-body.js';
import { plainHandle } from './plain-handle.js';

const HIGH_WATER_BYTES = 1024 * 1024;

/**
 * The body of a request whose connection was detached: read as a stream, or handed over as a socket. Destroying it only
 * discards what is still to come, so that the error can be answered; it is destroyed with a cancelled error when the client
 * goes away before the body is complete.
 */
export class UploadStream extends Readable implements HandsOver {
  private readonly socket: Socket;
  private readonly lengthBytes: number | null;
  private decoder: HttpBodyDecoder | null = null;
  private handedOver = false;

  constructor(private readonly connection: DetachedConnection) {
    super({ highWaterMark: HIGH_WATER_BYTES });
    this.socket = connection.socket;
    const chunked = connection.request.headers['transfer-encoding'] !== undefined;
    this.lengthBytes = chunked ? null : (contentLength(connection.request) ?? 0);
  }

  handOver(): SocketBody | null {
    const { socket } = this;
    const handle = plainHandle(socket);
    if (!handle || this.decoder || this.handedOver || socket.destroyed || socket.readableEnded) return null;
    this.sendContinue();
    const head = socket.readableLength > 0 ? (socket.read() as Buffer) : Buffer.alloc(0);
    handle.readStop();
    handle.reading = false;
    this.handedOver = true;
    return { fd: handle.fd, head, lengthBytes: this.lengthBytes };
  }

  override _read(): void {
    if (this.handedOver) return;
    if (!this.decoder) this.begin();
    else this.socket.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const { socket } = this;
    socket.off('data', this.onData).off('end', this.onGone).off('close', this.onGone);
    const handle = this.handedOver && !socket.destroyed ? plainHandle(socket) : null;
    if (handle && !handle.reading) {
      handle.readStart();
      handle.reading = true;
    }
    this.discardRest();
    done(error);
  }

  private begin(): void {
    this.decoder = new HttpBodyDecoder(this.lengthBytes);
    this.sendContinue();
    if (this.decoder.done) {
      this.push(null);
      return;
    }
    this.socket.on('data', this.onData).on('end', this.onGone).on('close', this.onGone);
    if (this.socket.destroyed || this.socket.readableEnded) this.onGone();
  }

  /** Reads on, to hear of the client's departure. As for any other request, the end of what it sends counts as that. */
  private discardRest(): void {
    const { socket, connection } = this;
    if (socket.destroyed) return;
    const leave = (): void => {
      if (!connection.response.writableFinished) socket.destroy();
    };
    if (socket.readableEnded) leave();
    else socket.once('end', leave).resume();
  }

  private sendContinue(): void {
    if (this.connection.request.headers.expect?.toLowerCase() !== '100-continue') return;
    this.socket.write('HTTP/1.1 100 Continue\r\n\r\n');
  }

  private readonly onData = (data: Buffer): void => {
    const { decoder } = this;
    if (!decoder) return;
    let room = true;
    try {
      decoder.push(data, (piece) => (room = this.push(piece)));
    } catch (error) {
      this.destroy(error instanceof Error ? error : invalid(String(error)));
      return;
    }
    if (decoder.done) {
      this.socket.off('data', this.onData).off('end', this.onGone).off('close', this.onGone);
      this.push(null);
      this.discardRest();
    } else if (!room) this.socket.pause();
  };

  private readonly onGone = (): void => {
    if (!this.destroyed) this.destroy(cancelled('client disconnected'));
  };
}
