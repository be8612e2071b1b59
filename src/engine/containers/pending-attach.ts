import type { AttachStreams } from '../../host/shim/attach.js';
import type { ShimAttachment } from '../../host/shim/attachment.js';
import type { Logger } from '../../shared/logger.js';
import type { RunningShim, ShimPort } from './shim-port.js';

/**
 * A client that attached before the container was started. The start connects it to the shim before the process runs, so that
 * it misses nothing.
 */
export class PendingAttach {
  private isSettled = false;
  private early: { shim: RunningShim; attachment: Promise<ShimAttachment | null> } | null = null;
  private settle!: (attachment: ShimAttachment | null) => void;
  /** null when the container will not start. Whoever takes it closes it. */
  readonly attachment = new Promise<ShimAttachment | null>((resolve) => (this.settle = resolve));

  constructor(
    private readonly shims: ShimPort,
    private readonly streams: AttachStreams & { seam: boolean },
    private readonly log: Logger,
  ) {}

  /** Connects to a shim that waits for the start as well. What comes of it is kept for a start with that shim. */
  prepare(socketPath: string, shim: RunningShim): void {
    if (!this.isSettled) this.early ??= { shim, attachment: this.open(socketPath) };
  }

  /** Connects the client, the first time it is called. A shim that refuses costs the client its session, not the container its start. */
  async connect(socketPath: string, shim: RunningShim | null): Promise<void> {
    if (this.isSettled) return;
    this.isSettled = true;
    this.settle((await this.takeEarly(shim)) ?? (await this.open(socketPath)));
  }

  /** There will be no start, or nobody who waits for it; after `connect` it does nothing. */
  giveUp(): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.settle(null);
    void this.takeEarly(null);
  }

  /** What was prepared with this shim; what was with another is closed. */
  private async takeEarly(shim: RunningShim | null): Promise<ShimAttachment | null> {
    const attachment = (await this.early?.attachment) ?? null;
    if (this.early?.shim === shim) return attachment;
    attachment?.close();
    return null;
  }

  private async open(socketPath: string): Promise<ShimAttachment | null> {
    try {
      return await this.shims.hold(socketPath, this.streams);
    } catch (err) {
      this.log.debug({ err, socketPath }, 'a client that waited for the start could not be attached');
      return null;
    }
  }
}
