import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { unavailable } from '../../shared/errors.js';
import type { LogMark } from '../logs/open-cursors.js';
import { sendDescriptor } from '../sys/send-descriptor.js';
import type { AttachStreams } from './attach.js';
import { READ_AHEAD_BYTES, readReply } from './attach.js';
import { bareSocket } from './bare-socket.js';
import { assertSocketPath } from './socket-path.js';

const REPLY = /^attached(?: (\d+) (\d+))?$/;

/**
 * An attachment whose output waits in the shim until it is said where it goes: to a client whose socket the shim is given, or
 * through this process. One of `handOver`, `relay` and `close` is to be called.
 */
export class ShimAttachment {
  private constructor(
    private readonly socket: Socket,
    private readonly isHeld: boolean,
    /** What is in the log before this place is not in the output, and the other way round; null: that can't be told. */
    readonly mark: LogMark | null,
  ) {
    socket.on('error', () => undefined);
  }

  /**
   * Attaches to a shim's process. With `seam`, the output begins exactly where the log ends at `mark`. Rejects with the system
   * error when no shim is there (`ENOENT`, `ECONNREFUSED`), `unavailable` when it ends meanwhile.
   */
  static async open(
    socketPath: string,
    { stdin, stdout, stderr, seam }: AttachStreams & { seam: boolean },
  ): Promise<ShimAttachment> {
    assertSocketPath(socketPath);
    // The types don't know that the options reach the stream's constructor.
    const options = { path: socketPath, allowHalfOpen: true, highWaterMark: READ_AHEAD_BYTES };
    const socket = createConnection(options);
    const flags = [stdin, stdout, stderr].map(Number).join(' ');
    socket.write(`attach ${flags} held${seam ? ' seam' : ''}\n`);
    try {
      const reply = REPLY.exec(await readReply(socket));
      if (!reply) throw unavailable('unexpected reply of the shim');
      const [, inode, offset] = reply;
      // a shim of an earlier version holds nothing back and names no place
      const mark = inode === undefined || inode === '0' ? null : { inode: BigInt(inode), offset: Number(offset) };
      return new ShimAttachment(socket, inode !== undefined, mark);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /**
   * Gives the client's socket to the shim, which talks to the client itself from then on, whatever becomes of this process. null,
   * and nothing has changed, if that is no bare socket (TLS, WebSocket) or the shim can't. Settles when the client is served, or
   * has left by `detachKeys`. Never rejects.
   */
  async handOver(client: Duplex, detachKeys: Buffer | null): Promise<'ended' | 'detached' | null> {
    const bare = bareSocket(client);
    const ours = bareSocket(this.socket);
    if (!this.isHeld || !bare || !ours || this.socket.destroyed) return null;
    await bare.flushed();
    if (client.destroyed) {
      this.close();
      return 'ended';
    }
    const typed = bare.stop();
    const keys = detachKeys && detachKeys.length > 0 ? detachKeys.toString('hex') : '-';
    try {
      sendDescriptor(ours.fd(), `handover ${typed.length} ${keys}\n`, bare.fd());
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      client.unshift(typed);
      return null;
    }
    if (typed.length > 0) this.socket.write(typed);
    // only this process's copy of the descriptor: the connection lives on
    client.destroy();
    return this.served();
  }

  /** The output through this process. As attachToShim's result. */
  relay(): Socket {
    if (this.isHeld) this.socket.write('relay\n');
    return this.socket;
  }

  close(): void {
    this.socket.destroy();
  }

  private served(): Promise<'ended' | 'detached'> {
    return new Promise((resolve) => {
      let said = '';
      this.socket.setEncoding('utf8');
      this.socket.on('data', (text: string) => (said += text));
      this.socket.once('end', () => this.socket.end());
      this.socket.once('close', () => resolve(said.includes('detached') ? 'detached' : 'ended'));
    });
  }
}

