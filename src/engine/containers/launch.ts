import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { specJson } from '../../host/oci/rlimits.js';
import { UndoStack } from '../../shared/undo-stack.js';
import { conflict, errorKind, errorMessage, internal } from '../../shared/errors.js';
import type { SandboxNetwork } from '../networks/model.js';
import type { ContainerEntry } from './container-entry.js';
import { makeBundle, removeBundle, writeSpec } from './bundle.js';
import { runFiles } from './container-paths.js';
import { emitContainerEvent, type ContainersContext } from './containers-context.js';
import { requestedCdiEdits } from './device-requests.js';
import { endShim, quitShim } from './end-shim.js';
import { superviseRun } from './exit.js';
import { startHealth } from './health.js';
import { unmountImages } from './image-mounts.js';
import { sandboxState, withoutSandbox } from './initial-network.js';
import { refreshLinkHosts, requireLinked } from './links.js';
import { shimLog } from './log-config.js';
import { logPath } from './logs.js';
import { checkReadOnlyOptions } from './mount-spec.js';
import { otherContainer } from './namespaces.js';
import { writeNetworkFiles } from './network-files.js';
import { releaseVolumes, unmountRoot } from './release-run.js';
import { deleteFromRuntime, isKnownToRuntime } from './runtime-delete.js';
import type { RunningShim } from './shim-port.js';
import { runSetup } from './shim-setup.js';
import { mountShm, unmountShm } from './shm.js';
import { specMounts, specRequest, type SpecFacts } from './spec-request.js';
import { startFailure } from './start-error.js';
import { toRunning, toStartFailed } from './state-machine.js';

/** By then a program that does little has ended, and its client, and the next client of a script is not yet there. */
const NEXT_AFTER_MS = 25;

/**
 * Brings up everything that a container needs and runs it. The caller holds the lock. On failure all is taken back, the state
 * tells the error, and the error is thrown in dockerd's words.
 */
export async function launchContainer(ctx: ContainersContext, entry: ContainerEntry): Promise<void> {
  await entry.run?.cleaned;
  const wasRestarting = entry.container.state.restarting;
  await using undo = new UndoStack(ctx.deps.log);
  try {
    await ctx.deps.quickMoves.during(() => bringUp(ctx, entry, undo));
    undo.commit();
  } catch (error) {
    await undo.unwind();
    const failure = startFailure(error);
    ctx.registry.saveState(entry, {
      state: toStartFailed(entry.container.state, failure.exitCode, failure.error.message),
      network: withoutSandbox(entry.container.network),
    });
    for (const pending of entry.pendingAttaches) pending.giveUp();
    if (wasRestarting) entry.waiters.exited({ statusCode: failure.exitCode, error: failure.error.message });
    throw failure.error;
  }
}

async function bringUp(ctx: ContainersContext, entry: ContainerEntry, undo: UndoStack): Promise<void> {
  const { deps } = ctx;
  const { id } = entry;
  const files = runFiles(deps.paths, id);
  const { netnsOwner, log } = preconditions(ctx, entry);

  const ahead = await ctx.ahead.reserve(ctx, entry);
  if (ahead === 'none') makeBundle(files);
  // What was created ahead, and could not be deleted, as the runtime was not there.
  if (ahead !== 'container' && isKnownToRuntime(ctx, id)) await deleteFromRuntime(ctx, entry.container);
  undo.push('bundle', () => removeBundle(files));
  // May be mounted already, ahead of the start.
  undo.push('root file system', () => unmountRoot(ctx, entry));
  undo.push('what was ahead', async () => {
    await ctx.ahead.discard(ctx, entry);
    deps.networks.cancelReservation(id);
  });

  const cdiEdits = await requestedCdiEdits(ctx.deps.cdi, entry.container.hostConfig.deviceRequests);
  // The shim's process starts while the network is wired; each of the two may fail without the other noticing.
  const launching = launchShim(ctx, entry, log);
  undo.push('shim', async () => discardShim(ctx, entry, await launching));
  undo.push('volumes', () => releaseVolumes(ctx, entry));
  undo.push('image mounts', () => unmountImages(ctx, entry));
  const mounts = await specMounts(ctx, entry.container, entry.plan);
  const wiring = connectNetwork(ctx, entry);
  undo.push('network', async () => {
    await wiring;
    await deps.networks.releaseSandbox(id);
  });
  const rootfs = deps.snapshots.mount(id, { isVolatile: entry.container.hostConfig.autoRemove });
  undo.push('shared memory', () => unmountShm(ctx, entry.container));
  mountShm(ctx, entry.container);
  const resolveUser = (): SpecFacts['user'] =>
    deps.oci.resolveUser(rootfs, entry.container.config.user, entry.container.hostConfig.groupAdd);
  const knownUser = ahead === 'container' ? null : resolveUser();

  const sandbox = await wiring.then(orThrow);
  writeNetworkFiles(ctx, entry.container, sandbox);
  const { shim, hasSpec } = await launching.then(orThrow);
  if (!hasSpec) {
    const netnsPath = netnsOwner ? `/proc/${netnsOwner.container.state.pid}/ns/net` : sandbox.netnsPath;
    const facts = { rootfs, user: knownUser ?? resolveUser(), netnsPath, mounts, cdiEdits };
    writeSpec(files, specJson(deps.oci.buildSpec(specRequest(ctx, entry.container, facts))));
  }

  for (const pending of entry.pendingAttaches) await pending.connect(files.socket, shim);
  const started = await shim.start();
  deps.networks.announceConnected(id);
  ctx.registry.storeState(entry, {
    state: toRunning(entry.container.state, started.pid, started.startedAt),
    network: sandboxState(entry.container.network, sandbox),
  });
  refreshLinkHosts(ctx, entry);
  entry.run = superviseRun(ctx, entry, shim, files.socket);
  startHealth(ctx, entry);
  emitContainerEvent(ctx, entry, 'start');
  prepareForNext(ctx, entry);
}

/** Makes ahead what the next start is likely to need; later, as the program and who waits for it have the processors now. */
function prepareForNext(ctx: ContainersContext, entry: ContainerEntry): void {
  setTimeout(() => {
    if (ctx.stopping) return;
    ctx.deps.networks.prepareNext();
    ctx.ahead.refill(ctx, entry);
  }, NEXT_AFTER_MS).unref();
}

/** What must be right before anything is made. */
function preconditions(
  ctx: ContainersContext,
  entry: ContainerEntry,
): { netnsOwner: ContainerEntry | null; log: ReturnType<typeof shimLog> } {
  const { container } = entry;
  requireLinked(ctx, container);
  checkReadOnlyOptions(container.hostConfig.mounts);
  const netnsOwner = networkOwner(ctx, entry);
  const log = shimLog(container, logPath(ctx, container));
  if (log) mkdirSync(dirname(log.path), { recursive: true, mode: 0o700 });
  return { netnsOwner, log };
}

/** The container whose network is joined; null for any other network mode. */
function networkOwner(ctx: ContainersContext, entry: ContainerEntry): ContainerEntry | null {
  const { networkMode } = entry.container.hostConfig;
  let owner: ContainerEntry | null;
  try {
    owner = otherContainer(ctx, networkMode);
  } catch (error) {
    throw internal(`joining network namespace of container: ${errorMessage(error)}`);
  }
  if (owner === entry) throw internal('cannot join own network namespace');
  if (owner && (!owner.container.state.running || owner.container.state.restarting)) {
    throw conflict(
      `cannot join network namespace of a non running container: container ${owner.name} is ${owner.container.state.status}`,
    );
  }
  return owner;
}

type Outcome<T> = { ok: true; value: T } | { ok: false; error: unknown };

/** A promise that never rejects, for work that is awaited later. */
function outcome<T>(promise: Promise<T>): Promise<Outcome<T>> {
  return promise.then(
    (value) => ({ ok: true as const, value }),
    (error: unknown) => ({ ok: false as const, error }),
  );
}

function orThrow<T>(result: Outcome<T>): T {
  if (!result.ok) throw result.error;
  return result.value;
}

/** The shim that runs ahead of this start, or another one. */
function launchShim(
  ctx: ContainersContext,
  entry: ContainerEntry,
  log: ReturnType<typeof shimLog>,
): Promise<Outcome<{ shim: RunningShim; hasSpec: boolean }>> {
  const files = runFiles(ctx.deps.paths, entry.id);
  return outcome(
    (async () => {
      const setup = runSetup(ctx, entry.container, log);
      const ahead = await ctx.ahead.take(ctx, entry, setup);
      if (ahead) return ahead;
      rmSync(files.socket, { force: true });
      return { shim: await ctx.deps.shims.launch(setup), hasSpec: false };
    })(),
  );
}

async function discardShim(
  ctx: ContainersContext,
  entry: ContainerEntry,
  launched: Outcome<{ shim: RunningShim }>,
): Promise<void> {
  if (!launched.ok) return;
  const { shim } = launched.value;
  try {
    if (shim.state === 'running') await endShim(shim);
    else await quitShim(shim);
  } catch (error) {
    // A shim whose start has failed is gone already.
    if (!['unavailable', 'conflict'].includes(errorKind(error))) throw error;
  } finally {
    shim.close();
  }
  // One that was killed has left what its runtime had made.
  if (isKnownToRuntime(ctx, entry.id)) await deleteFromRuntime(ctx, entry.container);
}

function connectNetwork(ctx: ContainersContext, { container }: ContainerEntry): Promise<Outcome<SandboxNetwork>> {
  const { config, hostConfig, network } = container;
  return outcome(
    ctx.deps.networks.connectSandbox({
      containerId: container.id,
      containerName: container.name,
      hostname: config.hostname,
      // A container that was taken off all its networks has none.
      networkMode: isOnNothing(container) ? 'none' : hostConfig.networkMode,
      endpoints: network.networks,
      portBindings: hostConfig.portBindings,
      exposedPorts: config.exposedPorts,
      publishAllPorts: hostConfig.publishAllPorts,
      macAddress: config.macAddress,
      networkDisabled: config.networkDisabled,
    }),
  );
}

function isOnNothing({ hostConfig, network }: ContainerEntry['container']): boolean {
  return !hostConfig.networkMode.startsWith('container:') && Object.keys(network.networks).length === 0;
}
