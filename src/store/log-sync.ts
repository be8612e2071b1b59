import { closeSync, fdatasync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

const syncData = promisify(fdatasync);

/**
 * Waits, on a thread, for the disk to have what was committed to SQLite's log without waiting: together with it a quick transaction is as
 * durable as a slow one. All who come while the disk is at it wait for the next turn, which serves them together.
 */
export class LogSync {
  private fd: number | null = null;
  private current: Promise<void> | null = null;
  private next: Promise<void> | null = null;

  /** `path` is the log's. SQLite has no locks on that file, which closing our descriptor would drop. */
  constructor(private readonly path: string) {}

  /** Settles when all that is committed now is on the disk. Rejects with the system's error. */
  async done(): Promise<void> {
    if (!this.current) return this.begin();
    // The error of a turn is for those who wait for that one.
    this.next ??= this.current.catch(() => undefined).then(() => this.begin());
    return this.next;
  }

  /** What is under way goes on; idempotent. */
  close(): void {
    const { fd } = this;
    this.fd = null;
    if (fd === null) return;
    const closeIt = (): void => closeSync(fd);
    if (this.current) void this.current.then(closeIt, closeIt);
    else closeIt();
  }

  private begin(): Promise<void> {
    this.next = null;
    const current = this.sync().finally(() => {
      if (this.current === current) this.current = null;
    });
    this.current = current;
    return current;
  }

  private async sync(): Promise<void> {
    this.fd ??= this.open();
    await syncData(this.fd);
  }

  /** The file's name has to survive as well; SQLite sees to that only where it waits for the disk itself. */
  private open(): number {
    const directory = openSync(dirname(this.path), 'r');
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
    return openSync(this.path, 'r+');
  }
}
