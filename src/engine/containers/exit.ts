import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ExitRecord } from '../../host/shim/protocol.js';
import { formatRfc3339Nano, nowNs, parseRfc3339Ns } from '../../shared/rfc3339.js';
import { type LeftSandbox, NOTHING_LEFT } from '../networks/release-sandbox.js';
import type { ContainerEntry, ContainerRun } from './container-entry.js';
import { runFiles } from './container-paths.js';
import { emitContainerEvent, type ContainersContext } from './containers-context.js';
import { ANSWER_WAIT_MS } from './end-shim.js';
import { withoutSandbox } from './initial-network.js';
import { letGoOfVolumes, releaseFiles, unmountAside, unmountRoot } from './release-run.js';
import { nextDelayMs, shouldRestart } from './restart-policy.js';
import { deleteFromRuntime } from './runtime-delete.js';
import type { RunningShim } from './shim-port.js';
import { toExited, toRestarting, type ExitFacts } from './state-machine.js';
import { removeRemains, vanish } from './vanish.js';
import { within } from './within.js';

/** What is told for a process whose status nobody recorded; 0 would be a lie. */
const LOST_EXIT_CODE = 255;

/** Watches a running container; its exit is recorded, told, cleaned up after, and answered by the restart policy. */
export function superviseRun(
  ctx: ContainersContext,
  entry: ContainerEntry,
  shim: RunningShim,
  socketPath: string,
): ContainerRun {
  let settleRecorded!: () => void;
  let settleReleased!: () => void;
  const recorded = new Promise<void>((resolve) => (settleRecorded = resolve));
  const released = new Promise<void>((resolve) => (settleReleased = resolve));
  const run: ContainerRun = {
    shim,
    socketPath,
    recorded,
    released,
    cleaned: released,
    removed: Promise.resolve(),
    isCleaningAwaited: false,
  };
  shim.onOutOfMemory((ooms) => recordOom(ctx, entry, ooms));
  run.cleaned = watch(ctx, entry, run, { settleRecorded, settleReleased })
    .catch((err: unknown) => ctx.deps.log.error({ err, container: entry.id }, 'exit handling failed'))
    .finally(settleRecorded)
    .finally(settleReleased);
  void run.cleaned.then(() => run.removed).finally(() => ctx.endingRuns.delete(run));
  return run;
}

async function watch(
  ctx: ContainersContext,
  entry: ContainerEntry,
  run: ContainerRun,
  { settleRecorded, settleReleased }: { settleRecorded: () => void; settleReleased: () => void },
): Promise<void> {
  const facts = await waitForExit(ctx, entry, run);
  if (!facts) return;
  ctx.endingRuns.add(run);
  // Its probes would fail from now on, which says nothing of its health.
  entry.stopHealth?.();
  // Whether it is to run again is the policy's to say, also when the daemon goes down while other things are waited for.
  const isStopping = ctx.stopping;
  const { isCleaningAwaited } = run;
  if (isCleaningAwaited) tellShim(ctx, entry, run.shim.delete());
  if (entry.execEnds.size > 0) await execsEnded(entry);
  const { removeNamespace } = await leaveNetworks(ctx, entry);
  await letGoOfVolumes(ctx, entry);
  const willRestart = recordExit(ctx, entry, facts, { isStopping });
  settleRecorded();
  tellShim(ctx, entry, run.shim.recorded());
  const goes = !willRestart && goesAtItsEnd(entry);
  // Who has asked for the end is told of that first.
  const isGone = goes && !run.isCleaningAwaited && (await vanish(ctx, entry));
  // All who were told have their answers before kernel and disk are waited for.
  await nextTurn();
  ctx.registry.eraseForgotten();
  const released = Promise.all([unmountAside(ctx, entry), removeNamespace()]).then(settleReleased);
  // A removal need not wait for the runtime to forget the container, and is quicker without it at its side; another start does wait.
  if (isGone) run.removed = removeRemains(ctx, entry);
  else if (goes) run.removed = ctx.discard(entry);
  if (!isCleaningAwaited) void run.removed.then(() => tellShim(ctx, entry, run.shim.delete()));
  await run.shim.deleted.catch((err: unknown) => {
    ctx.deps.log.debug({ err, container: entry.id }, 'the shim did not delete the container');
    return deleteFromRuntime(ctx, entry.container);
  });
  run.shim.close();
  await released;
  await releaseFiles(ctx, entry);
  // Copies that began and ended meanwhile have left it to us.
  if (entry.views === 0) await letGoOfVolumes(ctx, entry);
  const unmountedAgain = unmountRoot(ctx, entry);
  entry.run = null;
  await unmountedAgain;
}

/**
 * Execs are killed with the first process of their namespace, and dockerd tells their ends before that of the container. With another
 * namespace they may live on.
 */
async function execsEnded({ container, execEnds }: ContainerEntry): Promise<void> {
  if (container.hostConfig.pidMode === '') await within(Promise.allSettled(execEnds), ANSWER_WAIT_MS);
}

/** A shim that is gone has let its clients go, and the runtime forget the container, by itself. */
function tellShim(ctx: ContainersContext, entry: ContainerEntry, told: Promise<void>): void {
  told.catch((err: unknown) => ctx.deps.log.debug({ err, container: entry.id }, 'the shim was not told'));
}

/** null: the daemon lets go of the shim, the container goes on. */
async function waitForExit(
  ctx: ContainersContext,
  entry: ContainerEntry,
  run: ContainerRun,
): Promise<ExitFacts | null> {
  try {
    return factsOf(await run.shim.exited);
  } catch (err) {
    if (ctx.stopping) return null;
    ctx.deps.log.warn({ err, container: entry.id }, 'lost the connection to a shim');
  }
  const record = await ctx.deps.shims.readExitRecord(runFiles(ctx.deps.paths, entry.id).exit);
  if (record) return factsOf(record);
  try {
    run.shim = await ctx.deps.shims.connect(run.socketPath);
    run.shim.onOutOfMemory((ooms) => recordOom(ctx, entry, ooms));
  } catch (err) {
    ctx.deps.log.error({ err, container: entry.id }, 'the shim is gone and left no exit status');
    return lostExit();
  }
  return waitForExit(ctx, entry, run);
}

export function factsOf(record: ExitRecord): ExitFacts {
  const { exitCode, ooms, finishedAt } = record;
  if (exitCode === null) return { ...lostExit(), ooms, finishedAt };
  return { exitCode, ooms, finishedAt, error: '' };
}

/** The exit of a process of which nothing is known but that it is gone. */
export function lostExit(): ExitFacts {
  return {
    exitCode: LOST_EXIT_CODE,
    ooms: 0,
    finishedAt: formatRfc3339Nano(nowNs()),
    error: 'the exit status was lost',
  };
}

async function leaveNetworks(ctx: ContainersContext, entry: ContainerEntry): Promise<LeftSandbox> {
  try {
    return await ctx.deps.networks.leaveNetworks(entry.id);
  } catch (err) {
    ctx.deps.log.error({ err, container: entry.id }, 'cannot release the network of a container');
    return NOTHING_LEFT;
  }
}

/**
 * Memory ran out for the `ooms`th time of this run: some process of the container was killed, the container itself may go on. It is told
 * once, whichever daemon sees it first, and not each time that a shim is asked.
 */
function recordOom(ctx: ContainersContext, entry: ContainerEntry, ooms: number): void {
  const { state } = entry.container;
  if (ooms <= state.ooms) return;
  ctx.registry.setState(entry, { ...state, ooms });
  emitContainerEvent(ctx, entry, 'oom');
}

/**
 * Puts an exit into the state, tells events and waiters, and says whether the container is going to be restarted. `isLate`: it happened
 * while no daemon was there; the event then says when.
 */
export function recordExit(
  ctx: ContainersContext,
  entry: ContainerEntry,
  facts: ExitFacts,
  { isLate = false, isStopping = ctx.stopping }: { isLate?: boolean; isStopping?: boolean } = {},
): boolean {
  recordOom(ctx, entry, facts.ooms);
  const { state, hostConfig, restartCount, network } = entry.container;
  const ranForMs = runMs(state.startedAt, facts.finishedAt);
  entry.stopHealth?.();
  entry.stopHealth = null;
  entry.execs.clear();
  const willRestart =
    !entry.exitOnNext &&
    !isStopping &&
    entry.phase === 'stable' &&
    shouldRestart(hostConfig.restartPolicy, {
      exitCode: facts.exitCode,
      ranForMs,
      restartCount,
      manuallyStopped: state.manuallyStopped,
    });
  const change = {
    state: willRestart ? toRestarting(state, facts) : toExited(state, facts),
    network: withoutSandbox(network),
    restartCount: willRestart ? restartCount + 1 : restartCount,
    execIds: [],
  };
  // Of a container that goes now, the next daemon would find a running one whose process has ended: the same exit.
  if (!isLate && !willRestart && goesAtItsEnd(entry) && !ctx.locks.isHeld(entry.id)) ctx.registry.show(entry, change);
  else ctx.registry.saveState(entry, change);
  emitContainerEvent(ctx, entry, 'die', {
    exitCode: String(facts.exitCode),
    execDuration: String(Math.trunc(ranForMs / 1000)),
    ...(isLate && { finishedAt: facts.finishedAt }),
  });
  entry.waiters.exited({ statusCode: facts.exitCode, error: facts.error });
  if (willRestart) scheduleRestart(ctx, entry, ranForMs);
  return willRestart;
}

/** Whether nothing but its removal is to follow. */
function goesAtItsEnd({ container, restartsUnderWay }: ContainerEntry): boolean {
  return container.hostConfig.autoRemove && restartsUnderWay === 0;
}

function runMs(startedAt: string, finishedAt: string): number {
  const started = parseRfc3339Ns(startedAt);
  const finished = parseRfc3339Ns(finishedAt);
  return started === null || finished === null ? 0 : Math.max(0, Number((finished - started) / 1_000_000n));
}

/** Starts the container after its back-off, unless somebody gives the restart up before. */
export function scheduleRestart(ctx: ContainersContext, entry: ContainerEntry, ranForMs: number): void {
  entry.restartDelayMs = nextDelayMs(entry.restartDelayMs, ranForMs);
  const timer = setTimeout(() => {
    restartNow(ctx, entry, cancel).catch((err: unknown) =>
      ctx.deps.log.error({ err, container: entry.id }, 'automatic restart failed'),
    );
  }, entry.restartDelayMs);
  const cancel = (): void => clearTimeout(timer);
  entry.cancelRestart = cancel;
}

async function restartNow(ctx: ContainersContext, entry: ContainerEntry, token: () => void): Promise<void> {
  using _lock = await ctx.locks.acquire(entry.id);
  if (entry.cancelRestart !== token || ctx.stopping || entry.phase !== 'stable') return;
  entry.cancelRestart = null;
  await ctx.relaunch(entry);
}
