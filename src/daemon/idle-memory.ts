import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { trimFreedMemory } from '../host/sys/malloc.js';
import { releaseCodePages } from '../host/sys/program-pages.js';

const LOOK_EVERY_MS = 5_000;
/** Less processor time than this between two looks is idleness: 1 %. */
const IDLE_CPU_US = LOOK_EVERY_MS * 10;
/** It takes more work than this since the last time to be worth while. */
const WORTHWHILE_CPU_US = 100_000;
/** With less work than this of the main loop between two looks hardly anybody is there to wait for a collection: 10 %. */
const CALM_LOOP_MS = LOOK_EVERY_MS / 10;
/** So much work since the last time makes it worth while then: forty times what it takes. */
const OVERDUE_CPU_US = 2_000_000;
/** What a collection may leave unused of the heap's pages: more makes it worth while to move objects together. */
const LOOSE_BYTES = 4 * 1024 * 1024;

/** What the process has done since it started. */
interface Work {
  cpuUs: number;
  /** How long its main loop was not waiting. */
  loopMs: number;
}

/**
 * Gives memory back to the kernel once the daemon has become idle after work: garbage, which V8 collects only when more is made; what the C
 * library keeps of large archives and many streams, over 100 MiB, for ever; and code that ran once. A daemon that always has a little to do
 * (health checks, files of what was removed) does so now and then. Dispose ends it.
 */
export class IdleMemory implements Disposable {
  private readonly timer: NodeJS.Timeout;
  private last: Work;
  /** Never yet: a start leaves enough behind, however little a quick machine needs for it. */
  private trimmedAtUs = -Infinity;

  /** `dropCaches` is called before, for what the daemon keeps only to be quicker. */
  constructor(
    private readonly dropCaches: () => void,
    private readonly trim: () => Promise<void> = giveBack,
    private readonly work: () => Work = workOfProcess,
  ) {
    this.last = work();
    this.timer = setInterval(() => void this.look(), LOOK_EVERY_MS).unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.timer);
  }

  /** What the timer does. */
  async look(): Promise<void> {
    const now = this.work();
    const isIdle = now.cpuUs - this.last.cpuUs < IDLE_CPU_US;
    const isCalm = now.loopMs - this.last.loopMs < CALM_LOOP_MS;
    this.last = now;
    const sinceUs = now.cpuUs - this.trimmedAtUs;
    if (!(isIdle && sinceUs >= WORTHWHILE_CPU_US) && !(isCalm && sinceUs >= OVERDUE_CPU_US)) return;
    this.trimmedAtUs = now.cpuUs;
    this.dropCaches();
    await this.trim();
    // The work of trimming is no reason to trim again.
    this.last = this.work();
    this.trimmedAtUs = this.last.cpuUs;
  }
}

let collectGarbage: (() => void) | undefined;

/** Some 20 ms, 50 more where the heap is loose; hardly anybody is waiting for anything. */
async function giveBack(): Promise<void> {
  if (collectGarbage === undefined) {
    setFlagsFromString('--expose-gc');
    collectGarbage = runInNewContext('gc') as () => void;
  }
  collectGarbage();
  const { total_physical_size, used_heap_size } = getHeapStatistics();
  if (total_physical_size - used_heap_size > LOOSE_BYTES) await compactHeap();
  await trimFreedMemory();
  releaseCodePages();
}

/**
 * Collects as V8 does when the system is short of memory: it moves objects out of pages that are mostly empty. Only the inspector's interface
 * leads there; a Node without it goes without.
 */
async function compactHeap(): Promise<void> {
  if (!process.features.inspector) return;
  const { Session } = await import('node:inspector');
  const session = new Session();
  session.connect();
  await new Promise((done) => session.post('HeapProfiler.collectGarbage', done));
  session.disconnect();
}

function workOfProcess(): Work {
  const { user, system } = process.cpuUsage();
  return { cpuUs: user + system, loopMs: performance.eventLoopUtilization().active };
}
