/**
 * Mutual exclusion per key, first come first served. `using` releases it:
 * `using _ = await locks.acquire(id)`.
 */
export class KeyedLock {
  private readonly tails = new Map<string, Promise<void>>();

  /** Waits for the key; rejects with the signal's reason when aborted while waiting. Not re-entrant. */
  async acquire(key: string, signal?: AbortSignal): Promise<Disposable> {
    signal?.throwIfAborted();
    const previous = this.tails.get(key) ?? Promise.resolve();
    let release!: () => void;
    const held = new Promise<void>((resolve) => (release = resolve));
    const tail = previous.then(() => held);
    this.tails.set(key, tail);
    const done = (): void => {
      release();
      if (this.tails.get(key) === tail) this.tails.delete(key);
    };
    if (signal) {
      try {
        await raceAbort(previous, signal);
      } catch (error) {
        void previous.then(done);
        throw error;
      }
    } else {
      await previous;
    }
    return { [Symbol.dispose]: done };
  }

  /** Whether somebody holds or waits for the key. */
  isHeld(key: string): boolean {
    return this.tails.has(key);
  }
}

/** Settles as the promise does, or rejects with the signal's reason if that comes first. The promise itself goes on. */
export function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
