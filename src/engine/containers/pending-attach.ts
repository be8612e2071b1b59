import type { AttachStreams } from '../../host/shim/attach.js';
import type { ShimAttachment } from '../../host/shim/attachment.js';
import type { Logger } from '../../shared/logger.js';
import type { ShimPort } from './shim-port.js';

/**
 * A client that attached before the container was started. The start connects it to the shim before the process runs, so that
 * it misses nothing.
 */
export class PendingAttach {
  private isSettled = false;
  private settle!: (attachment: ShimAttachment | null) => void;
  /** null when the container will not start. Whoever takes it closes it. */
  readonly attachment = new Promise<ShimAttachment | null>((resolve) => (this.settle = resolve));

  constructor(
    private readonly shims: ShimPort,
    private readonly streams: AttachStreams & { seam: boolean },
    private readonly log: Logger,
  ) {}

  /** Connects the client, the first time it is called. A shim that refuses costs the client its session, not the container its start. */
  async connect(socketPath: string): Promise<void> {
    if (this.isSettled) return;
    this.isSettled = true;
    try {
      this.settle(await this.shims.hold(socketPath, this.streams));
    } catch (err) {
      this.log.debug({ err, socketPath }, 'a client that waited for the start could not be attached');
      this.settle(null);
    }
  }

  giveUp(): void {
    this.isSettled = true;
    this.settle(null);
  }
}
