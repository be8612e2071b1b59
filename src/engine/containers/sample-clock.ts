import { setTimeout as delay } from 'node:timers/promises';

/** As dockerd's statistics have it. */
const SECOND_MS = 1000;

interface Watched<T> {
  watchers: number;
  latest: T | null;
  lookedAtMs: number;
}

/**
 * Looks once a second at everything that somebody watches: one timer for all, and one look for all watchers of the same
 * thing. Nobody watching costs nothing.
 */
export class SampleClock<K, T> {
  private readonly watched = new Map<K, Watched<T>>();
  private strike: Promise<void> | null = null;

  /** `look` gives null for what can't be looked at now; it must not throw. */
  constructor(
    private readonly look: (key: K) => T | null,
    private readonly periodMs = SECOND_MS,
  ) {}

  /**
   * What it looks like now, and then after each strike of the clock, until the signal aborts (then it ends without an error). A
   * watcher that is slow misses what was in between. Whoever stops before has to call `return`, as `for await` does.
   */
  async *watch(key: K, signal: AbortSignal): AsyncGenerator<T | null> {
    const watched = this.join(key);
    let seenAtMs: number | null = null;
    try {
      while (!signal.aborted) {
        if (watched.lookedAtMs !== seenAtMs) {
          seenAtMs = watched.lookedAtMs;
          yield watched.latest;
        }
        if (!(await this.nextStrike(signal))) return;
      }
    } finally {
      watched.watchers--;
      if (watched.watchers === 0) this.watched.delete(key);
    }
  }

  private join(key: K): Watched<T> {
    const known = this.watched.get(key);
    if (known) {
      known.watchers++;
      return known;
    }
    const watched = { watchers: 1, latest: this.look(key), lookedAtMs: performance.now() };
    this.watched.set(key, watched);
    return watched;
  }

  /** Resolves to false when the signal aborts before. */
  private async nextStrike(signal: AbortSignal): Promise<boolean> {
    this.strike ??= this.run();
    let stop!: () => void;
    const aborted = new Promise<void>((resolve) => (stop = resolve));
    signal.addEventListener('abort', stop, { once: true });
    try {
      await Promise.race([this.strike, aborted]);
      return !signal.aborted;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  private async run(): Promise<void> {
    await delay(this.periodMs, undefined, { ref: false });
    this.strike = null;
    const nowMs = performance.now();
    for (const [key, watched] of this.watched) {
      // One that came a moment ago waits for the next strike, so that no load is computed over a moment only.
      if (nowMs - watched.lookedAtMs < this.periodMs / 2) continue;
      watched.latest = this.look(key);
      watched.lookedAtMs = nowMs;
    }
  }
}
