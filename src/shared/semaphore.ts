import { raceAbort } from './keyed-lock.js';

/** Lets so many run at once, first come first served. */
export class Semaphore {
  private free: number;
  private readonly waiting: (() => void)[] = [];

  constructor(count: number) {
    this.free = Math.max(count, 1);
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
    const next = this.waiting.shift();
    if (next) next();
    else this.free++;
  }
}
