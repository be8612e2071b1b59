/** Flow control of one direction: `send` waits while more than the window is under way. */
export class ByteWindow {
  private inFlight = 0;
  private wake: (() => void) | null = null;

  constructor(private readonly limitBytes: number) {}

  /** Counts bytes as sent; resolves once more may follow. One waiter at a time. */
  async sent(bytes: number): Promise<void> {
    this.count(bytes);
    await this.open();
  }

  /** Counts bytes as sent, for a sender that waits with open() before the next. */
  count(bytes: number): void {
    this.inFlight += bytes;
  }

  /** Resolves once more may be sent. One waiter at a time. */
  async open(): Promise<void> {
    while (this.inFlight >= this.limitBytes) await new Promise<void>((resolve) => (this.wake = resolve));
  }

  /** The other side has consumed bytes. */
  taken(bytes: number): void {
    this.inFlight -= bytes;
    this.release();
  }

  /** Nobody will take more: lets a waiting sender go on to notice that. */
  close(): void {
    this.inFlight = -Infinity;
    this.release();
  }

  private release(): void {
    const wake = this.wake;
    this.wake = null;
    wake?.();
  }
}
