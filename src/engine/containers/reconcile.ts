import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { hasCode } from '../../shared/errors.js';
import { ZERO_TIME } from '../../shared/rfc3339.js';
import { endCommitPause } from './commit-pause.js';
import { removeBundle } from './bundle.js';
import type { ContainerEntry } from './container-entry.js';
import { EXEC_SOCKET_PREFIX, runFiles } from './container-paths.js';
import type { ContainersContext } from './containers-context.js';
import { endShim, quitShim } from './end-shim.js';
import { factsOf, lostExit, recordExit, superviseRun } from './exit.js';
import { startHealth } from './health.js';
import { releaseFiles, releaseMounts } from './release-run.js';
import { removeStopped } from './remove.js';
import { removeViews } from './root-view.js';
import { shouldStartAtBoot } from './restart-policy.js';
import { startInOrder } from './start-in-order.js';
import { deleteFromRuntime, isKnownToRuntime } from './runtime-delete.js';
import type { RunningShim } from './shim-port.js';
import { toExited } from './state-machine.js';

const SIGKILL = 9;

/**
 * Makes what is stored and what runs agree: running shims are adopted, exits that nobody saw are recorded, half-done operations are
 * finished or undone, what no container claims is removed, and containers are started as their restart policies say (these starts go
 * on after the promise has settled).
 */
export async function reconcileContainers(ctx: ContainersContext): Promise<void> {
  const toStart: ContainerEntry[] = [];
  await Promise.all(
    ctx.registry.all().map(async (entry) => {
      try {
        if (await reconcileOne(ctx, entry)) toStart.push(entry);
      } catch (err) {
        ctx.deps.log.error({ err, container: entry.id }, 'cannot bring a container into order');
      }
    }),
  );
  await removeOrphans(ctx);
  startInOrder(ctx, toStart);
}

/** Whether the container is to be started. */
async function reconcileOne(ctx: ContainersContext, entry: ContainerEntry): Promise<boolean> {
  // Without a file system it was being removed when the power went.
  if (entry.phase !== 'stable' || !ctx.deps.snapshots.exists(entry.id)) {
    await removeStopped(ctx, entry, entry.container.hostConfig.autoRemove);
    return false;
  }
  const { state, hostConfig } = entry.container;
  const wasRunning = state.running;
  const shim = await findShim(ctx, entry);
  if (shim && wasRunning && shim.pid === state.pid) {
    adopt(ctx, entry, shim);
    await endCommitPause(ctx, entry);
    return false;
  }
  if (shim) await undoStart(ctx, entry, shim);
  const record = await ctx.deps.shims.readExitRecord(runFiles(ctx.deps.paths, entry.id).exit);
  // What was created ahead of a start goes with its shim, unless that was killed as well.
  if (wasRunning || record || isKnownToRuntime(ctx, entry.id)) {
    await deleteFromRuntime(ctx, entry.container);
    await ctx.deps.networks.releaseSandbox(entry.id);
  }
  if (wasRunning && state.restarting) {
    const { exitCode, ooms, finishedAt, error } = state;
    ctx.registry.setState(entry, toExited(state, { exitCode, ooms, finishedAt, error }));
  } else if (wasRunning) {
    entry.exitOnNext = true;
    recordExit(ctx, entry, record ? factsOf(record) : lostExit(), { isLate: true });
    entry.exitOnNext = false;
  }
  await releaseMounts(ctx, entry);
  await releaseFiles(ctx, entry);
  if (wasRunning && hostConfig.autoRemove) {
    await ctx.discard(entry);
    return false;
  }
  const { restartCount } = entry.container;
  const isWanted = shouldStartAtBoot(hostConfig.restartPolicy, {
    wasRunning,
    manuallyStopped: state.manuallyStopped,
    hasStarted: state.startedAt !== ZERO_TIME,
    exitCode: entry.container.state.exitCode,
    // A restart that was being waited for is counted already.
    restartCount: state.restarting ? restartCount - 1 : restartCount,
  });
  if (isWanted && wasRunning && !state.restarting) ctx.registry.saveState(entry, { restartCount: restartCount + 1 });
  return isWanted;
}

async function findShim(ctx: ContainersContext, entry: ContainerEntry): Promise<RunningShim | null> {
  try {
    return await ctx.deps.shims.connect(runFiles(ctx.deps.paths, entry.id).socket);
  } catch (err) {
    if (!hasCode(err, 'ENOENT', 'ECONNREFUSED')) {
      ctx.deps.log.warn({ err, container: entry.id }, 'cannot talk to a shim');
    }
    return null;
  }
}

/** Takes over a running container, or (its shim is just about to leave) one that has ended. */
function adopt(ctx: ContainersContext, entry: ContainerEntry, shim: RunningShim): void {
  entry.run = superviseRun(ctx, entry, shim, runFiles(ctx.deps.paths, entry.id).socket);
  if (shim.state === 'running' && !entry.container.state.paused) startHealth(ctx, entry, true);
}

/** The daemon died in the middle of a start: nobody was told that it succeeded, so it did not. */
async function undoStart(ctx: ContainersContext, entry: ContainerEntry, shim: RunningShim): Promise<void> {
  ctx.deps.log.info({ container: entry.id, state: shim.state }, 'undoing a start that was interrupted');
  try {
    if (shim.state === 'created') {
      await quitShim(shim);
    } else {
      if (shim.state === 'starting') await shim.start();
      await endShim(shim);
    }
  } catch (err) {
    ctx.deps.log.debug({ err, container: entry.id }, 'an interrupted start ended by itself');
  }
  shim.close();
  await deleteFromRuntime(ctx, entry.container);
  await ctx.deps.networks.releaseSandbox(entry.id);
}

/** Directories, snapshots, bundles, views and sockets that belong to no container. */
async function removeOrphans(ctx: ContainersContext): Promise<void> {
  const { paths, snapshots, log } = ctx.deps;
  removeViews(ctx);
  const isKnown = (id: string): boolean => ctx.registry.get(id) !== undefined;
  const isContainerId = (name: string): boolean => /^[0-9a-f]{64}$/.test(name);
  for (const id of snapshots.list()) if (!isKnown(id)) await snapshots.remove(id);
  for (const directory of [paths.containers, paths.bundles]) {
    for (const name of await entriesOf(directory)) {
      if (!isContainerId(name) || isKnown(name)) continue;
      log.info({ directory, container: name }, 'removing what an unknown container left');
      if (directory === paths.bundles) removeBundle(runFiles(paths, name));
      else await rm(join(directory, name), { recursive: true, force: true });
    }
  }
  const sockets = new Set(ctx.registry.all().map(({ id }) => basename(runFiles(paths, id).socket)));
  for (const name of await entriesOf(paths.sockets)) {
    if (!name.endsWith('.sock') || name.startsWith(EXEC_SOCKET_PREFIX) || sockets.has(name)) continue;
    await discardOrphanShim(ctx, join(paths.sockets, name));
  }
}

/** Kills what runs behind a socket that nobody knows. */
async function discardOrphanShim(ctx: ContainersContext, socketPath: string): Promise<void> {
  try {
    const shim = await ctx.deps.shims.connect(socketPath);
    if (shim.state === 'created') await quitShim(shim);
    else await shim.kill(SIGKILL);
    shim.close();
  } catch (err) {
    ctx.deps.log.debug({ err, socketPath }, 'an unknown shim did not answer');
  }
  await rm(socketPath, { force: true });
}

async function entriesOf(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
