import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';

/** How often a file is looked at although nothing was reported: a network file system reports nothing. */
const POLL_MS = 1000;
/** The same where no watch could be had (inotify's limits). */
const POLL_WITHOUT_WATCH_MS = 200;

/** Tells when a file may have changed. */
export class FileChange implements Disposable {
  private watcher: FSWatcher | null = null;
  private changed = false;
  private wake: (() => void) | null = null;

  constructor(path: string) {
    try {
      this.watcher = watch(path, { persistent: false }, () => this.notify());
      this.watcher.on('error', () => this.unwatch());
    } catch (error) {
      // gone already, or no inotify watch left: polling is enough for both
      if (!(error instanceof Error)) throw error;
    }
  }

  /** Reports a change that was seen by other means, such as an end. */
  notify(): void {
    this.changed = true;
    this.wake?.();
  }

  /** Resolves when something has changed since the last call, or after a while. Calls do not overlap. */
  next(): Promise<void> {
    if (this.changed) {
      this.changed = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wake?.(), this.watcher ? POLL_MS : POLL_WITHOUT_WATCH_MS);
      this.wake = () => {
        clearTimeout(timer);
        this.wake = null;
        this.changed = false;
        resolve();
      };
    });
  }

  [Symbol.dispose](): void {
    this.unwatch();
    this.wake?.();
  }

  private unwatch(): void {
    this.watcher?.close();
    this.watcher = null;
  }
}
