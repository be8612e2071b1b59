import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { cancelled } from '../../shared/errors.js';

/** Node's 16 KiB is less than one chunk of the CLI's: the socket would be stopped and started for each. */
const HIGH_WATER_BYTES = 1024 * 1024;

/**
 * A request's body for a consumer that may fail half-way. Destroying Node's own request would cut the connection before
 * the error can be answered; destroying this one only discards what is still to come. Ends as the body does; is destroyed
 * with a cancelled error when the client goes away in between.
 */
export class RequestBodyStream extends Readable {
  constructor(private readonly source: IncomingMessage) {
    super({ highWaterMark: HIGH_WATER_BYTES });
    source.on('data', this.onData).on('end', this.onEnd).on('error', this.onGone).on('close', this.onGone);
    source.pause();
  }

  override _read(): void {
    this.source.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // The error listener stays: a client that goes away while the rest is discarded must not become an uncaught error.
    this.source.off('data', this.onData).off('end', this.onEnd).off('close', this.onGone);
    if (!this.source.destroyed) this.source.resume();
    done(error);
  }

  private readonly onData = (chunk: Buffer): void => {
    if (!this.push(chunk)) this.source.pause();
  };

  private readonly onEnd = (): void => {
    this.push(null);
  };

  private readonly onGone = (): void => {
    if (!this.source.complete && !this.destroyed) this.destroy(cancelled('client disconnected'));
  };
}
