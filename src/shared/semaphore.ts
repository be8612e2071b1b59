import { raceAbort } from './keyed-lock.js';

/** Lets so many run at once, first come first served. */
export class Semaphore {
  private free: number;
  private readonly waiting: (() => void)[] = [];

  /** `size` is at least one. */
  constructor(private size: number) {
    this.size = Math.max(size, 1);
    this.free = this.size;
  }

  get count(): number {
    return this.size;
  }

  /** Takes another number, for those that come from now on. */
  resize(count: number): void {
    const next = Math.max(count, 1);
    this.free += next - this.size;
    this.size = next;
    while (this.free > 0 && this.waiting.length > 0) {
      this.free--;
      this.waiting.shift()?.();
    }
  }

  /** Runs it when there is room. Rejects with the signal's reason when aborted while waiting. */
  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    if (this.free > 0) this.free--;
    else await this.wait(signal);
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      this.pass();
    }
  }

  private async wait(signal: AbortSignal): Promise<void> {
    let admit!: () => void;
    const turn = new Promise<void>((resolve) => (admit = resolve));
    this.waiting.push(admit);
    try {
      await raceAbort(turn, signal);
    } catch (error) {
      const index = this.waiting.indexOf(admit);
      if (index >= 0) this.waiting.splice(index, 1);
      // Its turn came in the same moment: it goes to the next one.
      else void turn.then(() => this.pass());
      throw error;
    }
  }

  private pass(): void {
    // After fewer were allowed, some places are not given on.
    const next = this.free >= 0 ? this.waiting.shift() : undefined;
    if (next) next();
    else this.free++;
  }
}
