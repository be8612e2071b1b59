import type { Logger } from '../shared/logger.js';

/** What has to be stopped, in the order in which it was started; disposing goes the other way, and tries every step. */
export class Disposables implements AsyncDisposable {
  private readonly steps: { what: string; stop: () => void | Promise<void> }[] = [];

  constructor(private readonly log: Logger) {}

  add(what: string, stop: () => void | Promise<void>): void {
    this.steps.push({ what, stop });
  }

  /** Never throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (let step = this.steps.pop(); step; step = this.steps.pop()) {
      try {
        await step.stop();
        this.log.debug({ what: step.what }, 'stopped');
      } catch (err) {
        this.log.error({ err, what: step.what }, 'a part of the daemon did not stop cleanly');
      }
    }
  }
}
