import { closeSync } from 'node:fs';
import { cancelled } from '../../shared/errors.js';
import { sendAvailable, waitWritable } from '../sys/stream-io.js';

/** How long the thread is held for a client that is reading, and for one that is not, between two looks at the signal. */
const WAIT_MS = 2;
const LONG_WAIT_MS = 100;
/** After so many chunks without a wait messages of the main thread are listened to. */
const CHUNKS_PER_TURN = 32;

/** Writes the chunked body of an HTTP answer to a socket that does not block. Throws cancelled when the client is gone. */
export class SocketOutput {
  private chunks = 0;

  /** The descriptor is this object's own: close() closes it. */
  constructor(
    private readonly fd: number,
    private readonly signal: AbortSignal,
  ) {}

  async write(chunk: Buffer): Promise<void> {
    if (chunk.length === 0) return;
    await this.put(Buffer.from(`${this.endOfLast()}${chunk.length.toString(16)}\r\n`));
    await this.put(chunk);
    if (++this.chunks % CHUNKS_PER_TURN === 0) await this.listen();
  }

  /** All is written. */
  async end(): Promise<void> {
    await this.put(Buffer.from(`${this.endOfLast()}0\r\n\r\n`));
  }

  close(): void {
    closeSync(this.fd);
  }

  private endOfLast(): string {
    return this.chunks === 0 ? '' : '\r\n';
  }

  private async put(data: Buffer): Promise<void> {
    for (let rest = data; rest.length > 0;) {
      const sent = this.send(rest);
      if (sent !== null) rest = rest.subarray(sent);
      else if (!waitWritable(this.fd, WAIT_MS)) await this.waitLong();
    }
  }

  private send(data: Buffer): number | null {
    try {
      return sendAvailable(this.fd, data);
    } catch (error) {
      throw cancelled('client disconnected', error);
    }
  }

  private async waitLong(): Promise<void> {
    do await this.listen();
    while (!waitWritable(this.fd, LONG_WAIT_MS));
  }

  private async listen(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.signal.throwIfAborted();
  }
}
