import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { trimFreedMemory } from '../host/sys/malloc.js';
import { releaseCodePages } from '../host/sys/program-pages.js';

const LOOK_EVERY_MS = 5_000;
/** Less processor time than this between two looks is idleness: 1 %. */
const IDLE_CPU_US = LOOK_EVERY_MS * 10;
/** It takes more work than this since the last time to be worth while. */
const WORTHWHILE_CPU_US = 100_000;

/**
 * Gives memory back to the kernel once the daemon has become idle after work: garbage, which V8 collects only when more is made; what the C
 * library keeps of large archives and many streams, over 100 MiB, for ever; and code that ran once. Dispose ends it.
 */
export class IdleMemory implements Disposable {
  private readonly timer: NodeJS.Timeout;
  private lastUs: number;
  /** Never yet: a start leaves enough behind, however little a quick machine needs for it. */
  private trimmedAtUs = -Infinity;

  constructor(
    private readonly trim: () => Promise<void> = giveBack,
    private readonly cpuUs: () => number = processorTimeUs,
  ) {
    this.lastUs = cpuUs();
    this.timer = setInterval(() => void this.look(), LOOK_EVERY_MS).unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.timer);
  }

  /** What the timer does. */
  async look(): Promise<void> {
    const now = this.cpuUs();
    const isIdle = now - this.lastUs < IDLE_CPU_US;
    this.lastUs = now;
    if (!isIdle || now - this.trimmedAtUs < WORTHWHILE_CPU_US) return;
    this.trimmedAtUs = now;
    await this.trim();
    // The work of trimming is no reason to trim again.
    this.lastUs = this.trimmedAtUs = this.cpuUs();
  }
}

let collectGarbage: (() => void) | undefined;

/** Some 20 ms, of which nobody is waiting for anything. */
async function giveBack(): Promise<void> {
  if (collectGarbage === undefined) {
    setFlagsFromString('--expose-gc');
    collectGarbage = runInNewContext('gc') as () => void;
  }
  collectGarbage();
  await trimFreedMemory();
  releaseCodePages();
}

function processorTimeUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
