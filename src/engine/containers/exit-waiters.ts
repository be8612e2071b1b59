import type { WaitResult } from './container.js';

/** Those who wait for a container to exit or to be removed. Results are handed over in the order of registration. */
export class ExitWaiters {
  private readonly forExit = new Set<(result: WaitResult) => void>();
  private readonly forRemoval = new Set<(result: WaitResult) => void>();

  /** Settles with the next exit, or when the container is removed. Rejects with the signal's reason when aborted. */
  nextExit(signal: AbortSignal): Promise<WaitResult> {
    return this.register(this.forExit, signal);
  }

  /** Settles when the container is gone, or when its removal has failed. */
  removal(signal: AbortSignal): Promise<WaitResult> {
    return this.register(this.forRemoval, signal);
  }

  exited(result: WaitResult): void {
    settle(this.forExit, result);
  }

  removed(result: WaitResult): void {
    settle(this.forExit, result);
    settle(this.forRemoval, result);
  }

  removalFailed(result: WaitResult): void {
    settle(this.forRemoval, result);
  }

  private register(set: Set<(result: WaitResult) => void>, signal: AbortSignal): Promise<WaitResult> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const onAbort = (): void => {
        set.delete(onResult);
        reject(signal.reason as Error);
      };
      const onResult = (result: WaitResult): void => {
        signal.removeEventListener('abort', onAbort);
        resolve(result);
      };
      set.add(onResult);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}

function settle(set: Set<(result: WaitResult) => void>, result: WaitResult): void {
  const waiting = [...set];
  set.clear();
  for (const resolve of waiting) resolve(result);
}
