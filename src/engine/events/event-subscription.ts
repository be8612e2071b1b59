import { nowNs } from '../../shared/rfc3339.js';
import type { EngineEvent } from './event.js';

/** Events that may wait for one reader; about 1 MB of them. */
const MAX_QUEUED = 4096;
/** The longest that setTimeout can wait for. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * One reader's queue. Ends after what is queued when `until` is reached, the signal aborts, the reader leaves its loop,
 * or the reader is more than 4096 events behind. For one reader, once.
 */
export class EventSubscription implements AsyncIterable<EngineEvent> {
  /** Called once when the subscription ends. */
  onEnd: () => void = () => undefined;

  private hasEnded = false;
  private wake: (() => void) | null = null;
  private timer: NodeJS.Timeout | undefined;
  private signal: AbortSignal | null = null;

  constructor(
    private readonly queue: EngineEvent[],
    private readonly accepts: (event: EngineEvent) => boolean,
    private readonly untilNs: bigint | null,
  ) {
    this.endAtUntil();
  }

  get ended(): boolean {
    return this.hasEnded;
  }

  /** Queues an event that the reader wants. */
  offer(event: EngineEvent): void {
    if (this.hasEnded || !this.accepts(event)) return;
    if (this.queue.length >= MAX_QUEUED) return this.end();
    this.queue.push(event);
    this.wake?.();
  }

  endOn(signal: AbortSignal): void {
    this.signal = signal;
    if (signal.aborted) this.end();
    else signal.addEventListener('abort', this.end, { once: true });
  }

  /** Takes no more events; the reader still gets what is queued. Idempotent. */
  readonly end = (): void => {
    if (this.hasEnded) return;
    this.hasEnded = true;
    clearTimeout(this.timer);
    this.signal?.removeEventListener('abort', this.end);
    this.onEnd();
    this.wake?.();
  };

  async *[Symbol.asyncIterator](): AsyncGenerator<EngineEvent, void, undefined> {
    try {
      for (;;) {
        const event = this.queue.shift();
        if (event) yield event;
        else if (this.hasEnded) return;
        else await new Promise<void>((resolve) => (this.wake = resolve));
      }
    } finally {
      this.end();
    }
  }

  private endAtUntil(): void {
    if (this.untilNs === null) return;
    const leftMs = Number((this.untilNs - nowNs()) / 1_000_000n);
    if (this.untilNs <= nowNs()) return this.end();
    this.timer = setTimeout(() => this.endAtUntil(), Math.min(Math.max(leftMs, 1), MAX_TIMEOUT_MS));
  }
}
