import type { WaitResult } from './container.js';

const KEPT_MS = 30_000;
/** About 200 kB. */
const MAX_KEPT = 1000;

/**
 * How containers ended that have removed themselves since, by full id, for some seconds: clients such as dockerode's `run` ask for
 * the exit once the start is answered, when a short command and its container may be gone already.
 */
export class RecentExits {
  private readonly byId = new Map<string, { result: WaitResult; atMs: number }>();

  remember(id: string, result: WaitResult): void {
    const now = Date.now();
    this.byId.delete(id);
    this.byId.set(id, { result, atMs: now });
    for (const [oldest, { atMs }] of this.byId) {
      if (atMs + KEPT_MS > now && this.byId.size <= MAX_KEPT) break;
      this.byId.delete(oldest);
    }
  }

  /** null: not known, or no longer. */
  get(id: string): WaitResult | null {
    const kept = this.byId.get(id);
    return kept && kept.atMs + KEPT_MS > Date.now() ? kept.result : null;
  }
}
