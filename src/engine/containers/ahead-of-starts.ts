import { rmSync } from 'node:fs';
import { isPlainRuntime, startGate } from '../../host/oci/runtimes.js';
import { ZERO_TIME, nowNs, parseRfc3339Ns } from '../../shared/rfc3339.js';
import { AHEAD_MS, AheadPolicy, SPARE_MS, type CreateKind } from './ahead-policy.js';
import { emptyBundle, makeBundle, removeBundle, writeSpec } from './bundle.js';
import type { ContainerConfig, HostConfig } from './container-config.js';
import type { Container } from './container.js';
import type { ContainerEntry } from './container-entry.js';
import { newContainerId } from './container-id.js';
import { runFiles } from './container-paths.js';
import type { ContainersContext } from './containers-context.js';
import { specAhead } from './create-ahead.js';
import { ANSWER_WAIT_MS, quitShim } from './end-shim.js';
import { selectsAttrs } from './log-attrs.js';
import { shimLog, shimLogWithoutAttrs } from './log-config.js';
import { logPath } from './logs.js';
import type { PendingAttach } from './pending-attach.js';
import { unmountRoot } from './release-run.js';
import { KnownUser } from './known-user.js';
import { deleteFromRuntime, isKnownToRuntime } from './runtime-delete.js';
import type { RunningShim } from './shim-port.js';
import { runSetup, type RunSetup } from './shim-setup.js';
import { makeSpareFiles, removeSpareFiles } from './spare-files.js';
import { within } from './within.js';

/** A shim whose runtime waits for the specification of its container. */
interface Prepared {
  readonly id: string;
  /** What the shim was told: of use only to a start that would tell the same. */
  readonly told: string;
  /** null when it did not work out. Never rejects. */
  readonly shim: Promise<RunningShim | null>;
  /** Whether the runtime creates the container before it is started. */
  readonly hasGate: boolean;
  timer: NodeJS.Timeout | null;
  /** What a container has on the disk is there, and is not one's that is being created. */
  hasFiles: boolean;
  /** null: nobody has created the container yet. */
  entry: ContainerEntry | null;
  /** As it was created, or when the runtime was told of it. */
  known: Container | null;
  /** The bundle is that of a start now, which puts files of its own into it. */
  isReserved: boolean;
  /** The runtime has the specification, or is about to get it; whether it has. Never rejects. null: it gets it from the start. */
  fed: Promise<boolean> | null;
  /** Somebody has looked into its root, or changed something there: a start can't know what it finds. */
  isTouched: boolean;
  /** Settles when nothing of it is left; null while it waits. */
  gone: Promise<void> | null;
}

/** What a shim is told depends on, but for the id. */
interface Configuration {
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
}

/**
 * Starts shims and runtimes of containers that were created a moment ago, as most of these are about to be started: 4 to 6 ms of a start
 * are the loading of two programs, and a processor is idle while a client gets from create to start. After a start, one of them waits
 * for a container that is yet to be created: its id is drawn already, and goes to the next one for which the shim would be told the
 * same. They do nothing before the runtime has its specification. Where the create knows all of that, the runtime has it at once, and the
 * container is there when the start comes (decision 61). A start is never the worse for it: whatever is not as it should be is discarded,
 * and the start begins anew.
 */
export class AheadOfStarts {
  private readonly prepared = new Map<string, Prepared>();
  private readonly policy = new AheadPolicy();
  private readonly users = new KnownUser();
  /** The one that is nobody's yet. */
  private spare: Prepared | null = null;
  /** Of the container that was started last. */
  private lastImageId = '';

  /** Whether a shim and a runtime wait for a container that is yet to be created, as they do for a while after each start. */
  get hasSpare(): boolean {
    return this.spare !== null;
  }

  /**
   * The id that a container must have which is being created, to be what a shim and a runtime wait for; null: any. What there is of it on the disk
   * already is the caller's, to use or to remove.
   */
  takeSpare(ctx: ContainersContext, draft: Configuration): string | null {
    const { spare } = this;
    if (!spare || !this.isWanted(ctx, draft, this.prepared.size - 1)) return null;
    try {
      if (spare.told !== told(spareSetup(ctx, spare.id, draft))) return null;
    } catch (err) {
      // a value that is wrong is the start's to refuse
      ctx.deps.log.debug({ err }, 'a container could not be compared with the one that is waited for');
      return null;
    }
    this.spare = null;
    // Until the create has come to its end, one way or the other.
    stopTimer(spare);
    spare.hasFiles = false;
    return spare.id;
  }

  /** A container with this id will not be created. Never rejects. */
  async drop(ctx: ContainersContext, id: string): Promise<void> {
    const prepared = this.prepared.get(id);
    if (prepared) await this.end(ctx, prepared);
  }

  /**
   * Makes what the next container may use, as one like this that has just been started. Never throws.
   */
  refill(ctx: ContainersContext, { container }: ContainerEntry): void {
    const isSameImage = container.imageId === this.lastImageId;
    this.lastImageId = container.imageId;
    if (this.spare || ageMs(container) > AHEAD_MS || !this.isWanted(ctx, container, this.prepared.size)) return;
    try {
      const id = newContainerId(ctx.registry);
      const spare = this.begin(ctx, spareSetup(ctx, id, container), SPARE_MS);
      this.spare = spare;
      // After two of an image, the third is likely to be of it.
      if (spare && isSameImage) spare.hasFiles = makeSpareFiles(ctx, id, container);
    } catch (err) {
      ctx.deps.log.debug({ err }, 'nothing is prepared for the next container');
    }
  }

  /**
   * Prepares for the start of a container that has just been stored: at once where a runtime waits for it, which takes longer than the client until
   * the start; else after the answer to the create has gone out. Never throws.
   */
  prepareSoon(ctx: ContainersContext, entry: ContainerEntry): void {
    const prepared = this.prepared.get(entry.id);
    if (!prepared || prepared.gone) {
      setImmediate(() => this.prepareOrNot(ctx, entry));
      return;
    }
    prepared.entry = entry;
    prepared.known = entry.container;
    this.endAfter(ctx, prepared, AHEAD_MS);
    this.prepareOrNot(ctx, entry);
  }

  /**
   * Begins a start; the caller holds the lock, and calls `take` or `discard`. What there is that may be taken, in a bundle that is there then,
   * and stays: a shim that lacks the specification, or one that the start need not make any for.
   */
  async reserve(ctx: ContainersContext, { id, container }: ContainerEntry): Promise<'none' | 'shim' | 'container'> {
    if (container.state.startedAt === ZERO_TIME) this.policy.hasStarted(kindOf(container), ageMs(container));
    const prepared = this.prepared.get(id);
    if (!prepared) return 'none';
    stopTimer(prepared);
    if (!prepared.gone) {
      const { fed, isTouched, known } = prepared;
      const isSame = !isTouched && known === container;
      this.policy.wasCreatable(isSame);
      if (!fed || isSame) {
        prepared.isReserved = true;
        return fed ? 'container' : 'shim';
      }
    }
    await this.end(ctx, prepared);
    return 'none';
  }

  /**
   * The shim that waits for this start. null, with nothing left of it: none was reserved, it has been told something else than the start
   * would tell it, or something is wrong with it.
   */
  async take(
    ctx: ContainersContext,
    entry: ContainerEntry,
    setup: RunSetup,
  ): Promise<{ shim: RunningShim; hasSpec: boolean } | null> {
    const prepared = this.prepared.get(entry.id);
    if (!prepared) return null;
    const shim = await prepared.shim;
    const hasSpec = (await prepared.fed) ?? false;
    if (shim && !prepared.gone && prepared.told === told(setup) && (await claim(ctx, entry, shim))) {
      this.prepared.delete(entry.id);
      this.policy.wasUsed();
      return { shim, hasSpec };
    }
    await this.end(ctx, prepared);
    return null;
  }

  /** Somebody is going to work on the container's root: what has been created of it, or would be, can't be relied on. Never rejects. */
  async touch(ctx: ContainersContext, { id }: ContainerEntry): Promise<void> {
    const prepared = this.prepared.get(id);
    if (!prepared || prepared.isReserved) return;
    prepared.isTouched = true;
    if (!prepared.fed) return;
    this.policy.wasCreatable(false);
    await this.end(ctx, prepared);
  }

  /** Connects a client that waits for the start to the shim that does, if there is one. Never rejects. */
  async attach(ctx: ContainersContext, entry: ContainerEntry, pending: PendingAttach): Promise<void> {
    const prepared = this.prepared.get(entry.id);
    const shim = await prepared?.shim;
    if (shim && !prepared?.gone) pending.prepare(runFiles(ctx.deps.paths, entry.id).socket, shim);
  }

  /** Ends what waits for a start that will not come, if anything does; nothing is left of it. Never rejects. */
  async discard(ctx: ContainersContext, { id, container }: ContainerEntry): Promise<void> {
    const prepared = this.prepared.get(id);
    if (!prepared) return;
    if (!prepared.gone) this.policy.wasWasted(kindOf(container));
    await this.end(ctx, prepared);
  }

  /**
   * The same for those that no start or create has got yet: what they were told is not so any more. A start compares that anyway; of one
   * that a create has, the root may be mounted already, which goes with it.
   */
  async discardWaiting(ctx: ContainersContext): Promise<void> {
    const isAtCreate = (prepared: Prepared): boolean => !prepared.entry && prepared !== this.spare;
    const waiting = [...this.prepared.values()].filter((one) => !one.isReserved && !isAtCreate(one));
    await Promise.all(waiting.map((prepared) => this.end(ctx, prepared)));
  }

  /** The same for all, at the daemon's end. */
  async discardAll(ctx: ContainersContext): Promise<void> {
    await Promise.all([...this.prepared.values()].map((prepared) => this.end(ctx, prepared)));
  }

  /** Whether something that waits would be of use to such a container, while so many do. */
  private isWanted(ctx: ContainersContext, { hostConfig }: Configuration, waiting: number): boolean {
    return (
      !ctx.stopping &&
      !selectsAttrs(hostConfig.logConfig) &&
      !mayHaveHooks({ hostConfig }) &&
      this.policy.isWorthwhile(kindOf({ hostConfig }), waiting)
    );
  }

  private prepareOrNot(ctx: ContainersContext, entry: ContainerEntry): void {
    try {
      this.prepare(ctx, entry);
    } catch (err) {
      // the start says it to the client
      ctx.deps.log.debug({ err, container: entry.id }, 'nothing is prepared for a start');
    }
  }

  private prepare(ctx: ContainersContext, entry: ContainerEntry): void {
    const { registry, locks } = ctx;
    const isNew = registry.get(entry.id) === entry && entry.phase === 'stable' && !entry.run;
    if (ctx.stopping || !isNew || entry.views > 0 || locks.isHeld(entry.id)) return;
    const prepared = this.prepared.get(entry.id) ?? this.prepareAnew(ctx, entry);
    if (!prepared || prepared.gone) return;
    // A third of a millisecond in the kernel, while the launch is waited for.
    const rootfs = ctx.deps.snapshots.mount(entry.id, { isVolatile: entry.container.hostConfig.autoRemove });
    if (prepared.hasGate && this.policy.mayCreate()) this.feed(ctx, entry, prepared, rootfs);
  }

  /** Has the runtime create the container, which takes it longer than all else that happens until the start. */
  private feed(ctx: ContainersContext, entry: ContainerEntry, prepared: Prepared, rootfs: string): void {
    const spec = specAhead(ctx, entry, rootfs, this.users);
    if (spec === null) return;
    prepared.fed = (async () => {
      try {
        const shim = await prepared.shim;
        if (!shim || prepared.gone) return false;
        writeSpec(runFiles(ctx.deps.paths, entry.id), spec);
        return await within(shim.feed(), ANSWER_WAIT_MS);
      } catch (err) {
        ctx.deps.log.debug({ err, container: entry.id }, 'a container could not be created ahead of its start');
        return false;
      }
    })();
    prepared.known = entry.container;
  }

  /** null: it is not worth while, or the runtime is of unknown ways. */
  private prepareAnew(ctx: ContainersContext, entry: ContainerEntry): Prepared | null {
    const { container } = entry;
    const waiting = this.prepared.size - (this.spare ? 1 : 0);
    if (mayHaveHooks(container) || !this.policy.isWorthwhile(kindOf(container), waiting)) return null;
    const setup = runSetup(ctx, container, shimLog(container, logPath(ctx, container)));
    const prepared = this.begin(ctx, setup, AHEAD_MS);
    if (!prepared) return null;
    prepared.entry = entry;
    prepared.known = container;
    return prepared;
  }

  /** null: the runtime is of unknown ways. */
  private begin(ctx: ContainersContext, setup: RunSetup, waitMs: number): Prepared | null {
    const { id, runtime } = setup;
    if (!isPlainRuntime(runtime)) return null;
    makeBundle(runFiles(ctx.deps.paths, id));
    const gate = startGate(runtime, id);
    const prepared: Prepared = {
      id,
      told: told(setup),
      shim: this.launch(ctx, setup, gate),
      hasGate: gate !== null,
      timer: null,
      hasFiles: false,
      entry: null,
      known: null,
      isReserved: false,
      fed: null,
      isTouched: false,
      gone: null,
    };
    this.endAfter(ctx, prepared, waitMs);
    this.prepared.set(id, prepared);
    return prepared;
  }

  private endAfter(ctx: ContainersContext, prepared: Prepared, waitMs: number): void {
    stopTimer(prepared);
    prepared.timer = setTimeout(() => {
      const { entry } = prepared;
      void (entry ? this.discard(ctx, entry) : this.end(ctx, prepared));
    }, waitMs);
  }

  private async launch(ctx: ContainersContext, setup: RunSetup, gate: string | null): Promise<RunningShim | null> {
    try {
      return await ctx.deps.shims.launch({ ahead: true, gate, ...setup });
    } catch (err) {
      ctx.deps.log.debug({ err, container: setup.id }, 'no shim could be started ahead of a start');
      this.policy.hasFailed();
      return null;
    }
  }

  /** Can be asked again. */
  private end(ctx: ContainersContext, prepared: Prepared): Promise<void> {
    stopTimer(prepared);
    if (this.spare === prepared) this.spare = null;
    return (prepared.gone ??= this.clear(ctx, prepared));
  }

  private async clear(ctx: ContainersContext, prepared: Prepared): Promise<void> {
    const { id, entry } = prepared;
    const files = runFiles(ctx.deps.paths, id);
    await prepared.fed;
    const shim = await prepared.shim;
    let isLost = false;
    try {
      if (shim) await quitShim(shim);
    } catch (err) {
      ctx.deps.log.debug({ err, container: id }, 'a shim that was ahead of a start had left');
      this.policy.hasFailed();
      isLost = true;
    } finally {
      shim?.close();
    }
    // A shim may also be killed on its way out.
    const isLeft = isLost || isKnownToRuntime(ctx, id);
    if (entry && prepared.fed && isLeft) await deleteFromRuntime(ctx, entry.container);
    const removals: (() => unknown)[] = [
      () => (prepared.fed ? ctx.deps.networks.cancelReservation(id) : undefined),
      () => (prepared.isReserved ? emptyBundle(files) : removeBundle(files)),
      () => rmSync(files.socket, { force: true }),
      () => (prepared.hasFiles ? removeSpareFiles(ctx, id) : undefined),
      // The start that has reserved it mounts as well, and may have done so.
      () => (entry && !prepared.isReserved ? unmountRoot(ctx, entry) : undefined),
    ];
    for (const remove of removals) {
      try {
        await remove();
      } catch (err) {
        ctx.deps.log.error({ err, container: id }, 'cannot remove what was prepared for a start');
      }
    }
    this.prepared.delete(id);
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

function stopTimer({ timer }: Prepared): void {
  if (timer) clearTimeout(timer);
}

function told(setup: RunSetup): string {
  return JSON.stringify(setup);
}

/** What the shim of such a container is told, when its log says nothing of the container. */
function spareSetup(ctx: ContainersContext, id: string, { config, hostConfig }: Configuration): RunSetup {
  const container = { id, config, hostConfig };
  return runSetup(ctx, container, shimLogWithoutAttrs(hostConfig.logConfig, logPath(ctx, container)));
}

function kindOf({ hostConfig }: { hostConfig: HostConfig }): CreateKind {
  return hostConfig.autoRemove ? 'auto-remove' : 'kept';
}

/** Devices may come with hooks for after the start, which runtimes may run in their own `start`: that is not used here. */
function mayHaveHooks({ hostConfig }: { hostConfig: HostConfig }): boolean {
  return hostConfig.deviceRequests.length > 0;
}

function ageMs({ created }: { created: string }): number {
  const createdNs = parseRfc3339Ns(created);
  return createdNs === null ? Infinity : Number((nowNs() - createdNs) / 1_000_000n);
}
