import type { Socket } from 'node:net';
import type { AttachStreams } from '../../host/shim/attach.js';
import type { ShimPort } from './shim-port.js';

/**
 * A client that attached before the container was started. The start connects it to the shim before the process runs, so that
 * it misses nothing.
 */
export class PendingAttach {
  private settle!: (socket: Socket | null) => void;
  /** The shim's socket; null when the container will not start. */
  readonly socket = new Promise<Socket | null>((resolve) => (this.settle = resolve));

  constructor(
    private readonly shims: ShimPort,
    private readonly streams: AttachStreams,
  ) {}

  async connect(socketPath: string): Promise<void> {
    this.settle(await this.shims.attach(socketPath, this.streams));
  }

  giveUp(): void {
    this.settle(null);
  }
}
