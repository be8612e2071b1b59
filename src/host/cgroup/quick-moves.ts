import { closeSync, openSync, write } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Logger } from '../../shared/logger.js';
import { cgroupDirectory, type CgroupLayout } from './cgroup-layout.js';

const writeText = promisify<number, string, unknown>(write);

/** The kernel falls back to slow moves a grace period after the last one, which takes at least this long. */
const REPEAT_MS = 4;
/** How long a start is waited for after a create, or a create after a connection; the docker CLI's come after 5 to 10 ms. */
const EXPECTED_WITHIN_MS = 100;

/**
 * Keeps moves between control groups quick while something is being started. A process that is moved by another one has all forks of the
 * machine locked out, and the first to do so waits for an RCU grace period, 5 to 25 ms; those that follow soon do not. So the wait is begun
 * here, by moving this process to where it is, and is over when the runtime gets to its moves. (Kernels whose cgroups are mounted with
 * `favordynmods` never wait.)
 */
export class QuickMoves implements AsyncDisposable {
  private users = 0;
  private expectedUntil = 0;
  private loop: Promise<void> | null = null;
  private path: string | null = null;

  constructor(
    private readonly layout: CgroupLayout,
    private readonly log: Logger,
  ) {}

  /** A start is likely to follow. The runtime of one gets to its moves sooner than a grace period that begins with the start is over. */
  expectStart(): void {
    this.expectedUntil = performance.now() + EXPECTED_WITHIN_MS;
    this.begin();
  }

  /** Does the work with quick moves. Nothing depends on them: their failure is only logged. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.users++;
    // That was it; other starts that are expected come with creates of their own, or while this one goes on.
    this.expectedUntil = 0;
    this.begin();
    try {
      return await work();
    } finally {
      this.users--;
    }
  }

  /** Waits for the last move to be over. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.expectedUntil = 0;
    await this.loop;
  }

  private begin(): void {
    this.loop ??= this.keepQuick().finally(() => (this.loop = null));
  }

  private async keepQuick(): Promise<void> {
    let group: number | null = null;
    try {
      // Not `w`, which would make a file where no control groups are mounted. At once, as the loop may have much to do after this.
      group = openSync((this.path ??= this.ownGroup()), 'r+');
      while (this.users > 0 || performance.now() < this.expectedUntil) {
        await writeText(group, '0');
        await delay(REPEAT_MS);
      }
    } catch (err) {
      this.path = null;
      this.log.debug({ err }, 'moves between control groups stay slow');
    } finally {
      if (group !== null) closeSync(group);
    }
  }

  private ownGroup(): string {
    const [controller = ''] = this.layout.controllerMounts.keys();
    const directory = cgroupDirectory(this.layout, process.pid, controller);
    if (directory === null) throw new Error('this process is in no control group');
    return join(directory, 'cgroup.procs');
  }
}
