import type { Logger } from './logger.js';

/**
 * The undo list of a multi-step operation. Each step that succeeded registers how to take it back; `commit()` marks the
 * point after which the operation stands. Leaving the scope (`await using`) before the commit runs the undo steps, last
 * first; a failing step is logged and the others still run.
 */
export class UndoStack implements AsyncDisposable {
  private steps: { what: string; undo: () => void | Promise<void> }[] = [];

  constructor(private readonly log: Logger) {}

  /** Registers how to take back a step that has just succeeded. */
  push(what: string, undo: () => void | Promise<void>): void {
    this.steps.push({ what, undo });
  }

  /** The operation stands: nothing is undone any more. */
  commit(): void {
    this.steps = [];
  }

  /** Runs what is registered, last first. Never throws. */
  async unwind(): Promise<void> {
    for (let step = this.steps.pop(); step; step = this.steps.pop()) {
      try {
        await step.undo();
      } catch (err) {
        this.log.error({ err, step: step.what }, 'undo step failed');
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unwind();
  }
}
