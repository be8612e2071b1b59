import { rmSync } from 'node:fs';
import { isPlainRuntime } from '../../host/oci/runtimes.js';
import { ZERO_TIME, nowNs, parseRfc3339Ns } from '../../shared/rfc3339.js';
import { AHEAD_MS, AheadPolicy, type CreateKind } from './ahead-policy.js';
import { emptyBundle, makeBundle, removeBundle } from './bundle.js';
import type { ContainerEntry } from './container-entry.js';
import { runFiles } from './container-paths.js';
import type { ContainersContext } from './containers-context.js';
import { shimLog } from './log-config.js';
import { logPath } from './logs.js';
import type { PendingAttach } from './pending-attach.js';
import { unmountRoot } from './release-run.js';
import type { RunningShim } from './shim-port.js';
import { runSetup } from './shim-setup.js';
import { within } from './within.js';

/** How long a shim may take to answer; one that is stopped or hangs is left to itself. */
const ANSWER_WAIT_MS = 2000;

/** A shim whose runtime waits for the specification of its container. */
interface Prepared {
  /** What the shim was told: of use only to a start that would tell the same. */
  readonly told: string;
  /** null when it did not work out. Never rejects. */
  readonly shim: Promise<RunningShim | null>;
  readonly timer: NodeJS.Timeout;
  /** The bundle is that of a start now, which puts files of its own into it. */
  isReserved: boolean;
  /** Settles when nothing of it is left; null while it waits. */
  gone: Promise<void> | null;
}

/**
 * Starts shims and runtimes of containers that were created a moment ago, as most of these are about to be started: 4 to 6 ms of a start
 * are the loading of two programs, and a processor is idle while a client gets from create to start. They do nothing before the runtime
 * has its specification. A start is never the worse for it: whatever is not as it should be is discarded, and the start begins anew.
 */
export class AheadOfStarts {
  private readonly prepared = new Map<string, Prepared>();
  private readonly policy = new AheadPolicy();

  /** Prepares for the start of a container that has just been created, after the answer to the create has gone out. */
  prepareSoon(ctx: ContainersContext, entry: ContainerEntry): void {
    setImmediate(() => {
      try {
        this.prepare(ctx, entry);
      } catch (err) {
        // the start says it to the client
        ctx.deps.log.debug({ err, container: entry.id }, 'nothing is prepared for a start');
      }
    });
  }

  /**
   * Begins a start; the caller holds the lock, and calls `take` or `discard`. Whether there is something that may be taken: the bundle is
   * there then, and stays.
   */
  async reserve(ctx: ContainersContext, entry: ContainerEntry): Promise<boolean> {
    if (entry.container.state.startedAt === ZERO_TIME) this.policy.hasStarted(kindOf(entry), ageMs(entry));
    const prepared = this.prepared.get(entry.id);
    if (!prepared) return false;
    clearTimeout(prepared.timer);
    if (!prepared.gone) return (prepared.isReserved = true);
    await prepared.gone;
    return false;
  }

  /**
   * The shim that waits for this start, with a bundle that lacks the specification. null, with nothing left of it: none was reserved, it
   * has been told something else than the start would tell it, or something is wrong with it.
   */
  async take(
    ctx: ContainersContext,
    entry: ContainerEntry,
    setup: ReturnType<typeof runSetup>,
  ): Promise<RunningShim | null> {
    const prepared = this.prepared.get(entry.id);
    if (!prepared) return null;
    const shim = await prepared.shim;
    if (shim && !prepared.gone && prepared.told === told(setup) && (await claim(ctx, entry, shim))) {
      this.prepared.delete(entry.id);
      this.policy.wasUsed();
      return shim;
    }
    await this.end(ctx, entry, prepared);
    return null;
  }

  /** Connects a client that waits for the start to the shim that does, if there is one. Never rejects. */
  async attach(ctx: ContainersContext, entry: ContainerEntry, pending: PendingAttach): Promise<void> {
    const prepared = this.prepared.get(entry.id);
    const shim = await prepared?.shim;
    if (shim && !prepared?.gone) pending.prepare(runFiles(ctx.deps.paths, entry.id).socket, shim);
  }

  /** Ends what waits for a start that will not come, if anything does; nothing is left of it. Never rejects. */
  async discard(ctx: ContainersContext, entry: ContainerEntry): Promise<void> {
    const prepared = this.prepared.get(entry.id);
    if (!prepared) return;
    if (!prepared.gone) this.policy.wasWasted(kindOf(entry));
    await this.end(ctx, entry, prepared);
  }

  /** The same for all, at the daemon's end. */
  async discardAll(ctx: ContainersContext): Promise<void> {
    const entries = [...this.prepared.keys()].flatMap((id) => ctx.registry.get(id) ?? []);
    await Promise.all(entries.map((entry) => this.discard(ctx, entry)));
  }

  private prepare(ctx: ContainersContext, entry: ContainerEntry): void {
    const { registry, locks } = ctx;
    if (!this.policy.isWorthwhile(kindOf(entry), this.prepared.size)) return;
    const isNew = registry.get(entry.id) === entry && entry.phase === 'stable' && !entry.run;
    if (ctx.stopping || !isNew || locks.isHeld(entry.id)) return;
    const setup = runSetup(ctx, entry.container, shimLog(entry.container, logPath(ctx, entry.container)));
    if (!isPlainRuntime(setup.runtime)) return;
    makeBundle(runFiles(ctx.deps.paths, entry.id));
    const prepared: Prepared = {
      told: told(setup),
      shim: this.launch(ctx, entry, setup),
      timer: setTimeout(() => void this.discard(ctx, entry), AHEAD_MS),
      isReserved: false,
      gone: null,
    };
    this.prepared.set(entry.id, prepared);
    // A third of a millisecond in the kernel, while the launch is waited for.
    ctx.deps.snapshots.mount(entry.id, { isVolatile: entry.container.hostConfig.autoRemove });
  }

  private async launch(
    ctx: ContainersContext,
    entry: ContainerEntry,
    setup: ReturnType<typeof runSetup>,
  ): Promise<RunningShim | null> {
    try {
      return await ctx.deps.shims.launch({ ahead: true, ...setup });
    } catch (err) {
      ctx.deps.log.debug({ err, container: entry.id }, 'no shim could be started ahead of a start');
      this.policy.hasFailed();
      return null;
    }
  }

  /** Can be asked again. */
  private end(ctx: ContainersContext, entry: ContainerEntry, prepared: Prepared): Promise<void> {
    clearTimeout(prepared.timer);
    return (prepared.gone ??= this.clear(ctx, entry, prepared));
  }

  private async clear(ctx: ContainersContext, entry: ContainerEntry, prepared: Prepared): Promise<void> {
    const files = runFiles(ctx.deps.paths, entry.id);
    try {
      await quit(await prepared.shim);
    } catch (err) {
      ctx.deps.log.debug({ err, container: entry.id }, 'a shim that was ahead of a start had left');
      this.policy.hasFailed();
    }
    try {
      if (prepared.isReserved) emptyBundle(files);
      else removeBundle(files);
      rmSync(files.socket, { force: true });
      // The start that has reserved it mounts as well, and may have done so.
      if (!prepared.isReserved) await unmountRoot(ctx, entry);
    } catch (err) {
      ctx.deps.log.error({ err, container: entry.id }, 'cannot remove what was prepared for a start');
    }
    this.prepared.delete(entry.id);
  }
}

/** Whether the shim is there and ready for the start. */
async function claim(ctx: ContainersContext, entry: ContainerEntry, shim: RunningShim): Promise<boolean> {
  try {
    return await within(shim.claim(), ANSWER_WAIT_MS);
  } catch (err) {
    ctx.deps.log.debug({ err, container: entry.id }, 'a shim that was ahead of a start is not used');
    return false;
  }
}

/** Rejects when it was gone already. */
async function quit(shim: RunningShim | null): Promise<void> {
  if (!shim) return;
  try {
    await within(shim.quit(), ANSWER_WAIT_MS);
  } finally {
    shim.close();
  }
}

function told(setup: ReturnType<typeof runSetup>): string {
  return JSON.stringify(setup);
}

function kindOf({ container }: ContainerEntry): CreateKind {
  return container.hostConfig.autoRemove ? 'auto-remove' : 'kept';
}

function ageMs({ container }: ContainerEntry): number {
  const created = parseRfc3339Ns(container.created);
  return created === null ? Infinity : Number((nowNs() - created) / 1_000_000n);
}
