/**
 * How long a shim and a runtime wait for the start of their container. `docker run` starts within 10 ms, over a slow line within some
 * hundreds; who has not started by then creates for later.
 */
export const AHEAD_MS = 1000;

/** How long they wait for a container that has not been created yet, after the last one of its kind: scripts and tests make many in a row. */
export const SPARE_MS = 10_000;

/** How many may wait at a time: shim and runtime have 1.4 MiB of their own, and few processors have time for more. */
const MAX_WAITING = 4;
/** So many in a row that nobody started: nothing is made ahead until a start comes soon after its create again. */
const MAX_WASTED = 2;
/** So many in a row that did not get as far as waiting: it does not work here, or with this runtime. */
const MAX_FAILED = 3;
/** So long after the last of these it is tried again: a runtime may have been replaced meanwhile. */
const FORGIVEN_AFTER_MS = 60_000;

/** Containers that remove themselves are hardly ever created for later; others are, by some clients. */
export type CreateKind = 'auto-remove' | 'kept';

/** Whether it is worth while to be ahead of a start, going by what became of those before. */
export class AheadPolicy {
  private readonly wastedInRow: Record<CreateKind, number> = { 'auto-remove': 0, kept: 0 };
  private failedInRow = 0;
  private failedAtMs = 0;
  private uncreatableInRow = 0;

  /** Whether to prepare another one while so many wait. */
  isWorthwhile(kind: CreateKind, waiting: number): boolean {
    const isWorking = this.failedInRow < MAX_FAILED || performance.now() - this.failedAtMs > FORGIVEN_AFTER_MS;
    return waiting < MAX_WAITING && this.wastedInRow[kind] < MAX_WASTED && isWorking;
  }

  /** A container has been started for the first time, so long after its create, whether or not anything was ready for it. */
  hasStarted(kind: CreateKind, ageMs: number): void {
    if (ageMs <= AHEAD_MS) this.wastedInRow[kind] = 0;
  }

  /** Whether to have the container created that somebody waits for. */
  mayCreate(): boolean {
    return this.uncreatableInRow < MAX_WASTED;
  }

  /**
   * A container came to its start as it was created; or it was changed, or worked on, before, as by clients that copy files into it: what was
   * created of it was of no use, or would have been of none.
   */
  wasCreatable(isSame: boolean): void {
    this.uncreatableInRow = isSame ? 0 : this.uncreatableInRow + 1;
  }

  /** What was ready was not asked for. */
  wasWasted(kind: CreateKind): void {
    this.wastedInRow[kind]++;
  }

  /** What was ready has been used. */
  wasUsed(): void {
    this.failedInRow = 0;
  }

  hasFailed(): void {
    this.failedInRow++;
    this.failedAtMs = performance.now();
  }
}
