import type { ProgramVersion, RuntimeFacts } from '../../host/system/program-versions.js';
import { initVersion, runtimeFacts } from '../../host/system/program-versions.js';
import type { Logger } from '../../shared/logger.js';
import { within } from '../containers/within.js';

const NOTHING: ProgramVersion = { version: '', commit: '' };

/** What the programs beside us say about their versions. Asked once each, when somebody wants to know: it takes a few processes. */
export class ComponentVersions {
  private readonly runtimes = new Map<string, RuntimeFacts | null>();
  private init: ProgramVersion | null = null;
  private readonly pending = new Set<Promise<void>>();

  constructor(private readonly log: Logger) {}

  /** Starts asking for what is not known yet. */
  refresh(runtimePaths: readonly string[], initPath: string | null): void {
    for (const path of new Set(runtimePaths)) {
      if (this.runtimes.has(path)) continue;
      this.runtimes.set(path, null);
      this.ask(path, async () => void this.runtimes.set(path, await runtimeFacts(path)));
    }
    if (initPath === null || this.init !== null) return;
    this.init = NOTHING;
    this.ask(initPath, async () => void (this.init = await initVersion(initPath)));
  }

  /** null: not known (yet). */
  runtime(path: string): RuntimeFacts | null {
    return this.runtimes.get(path) ?? null;
  }

  get initProgram(): ProgramVersion {
    return this.init ?? NOTHING;
  }

  /** Resolves when everything asked so far has been answered, and after `maxMs` in any case. */
  async settled(maxMs: number): Promise<void> {
    if (this.pending.size > 0) await within(Promise.all(this.pending), maxMs);
  }

  private ask(path: string, question: () => Promise<void>): void {
    const asking = question()
      .catch((err: unknown) => this.log.warn({ err, path }, 'could not ask a program for its version'))
      .finally(() => this.pending.delete(asking));
    this.pending.add(asking);
  }
}
