import type { Readable } from 'node:stream';
import { KeyedLock } from '../../shared/keyed-lock.js';
import { getArchive, putArchive, statContainerPath } from './archive.js';
import { attachContainer } from './attach.js';
import type { Image } from '../images/image.js';
import { exportContainer, listContainerChanges } from './changes.js';
import { commitContainer } from './commit.js';
import type { CreateContainerRequest } from './container-config.js';
import type {
  Container,
  ContainerSize,
  ContainerSummary,
  Filters,
  ListContainersOptions,
  WaitCondition,
  WaitResult,
} from './container.js';
import type {
  AttachOptions,
  AttachSession,
  CommitContainerRequest,
  ContainerService,
  LogsOptions,
  LogStream,
  PathStat,
  UpdateContainerRequest,
} from './container-service.js';
import { ContainerRegistry } from './container-registry.js';
import { AheadOfStarts } from './ahead-of-starts.js';
import type { ContainersContext } from './containers-context.js';
import type { ContainersDeps } from './containers-deps.js';
import { createContainer } from './create.js';
import { withShownLinks } from './links.js';
import { killContainer } from './kill.js';
import { launchContainer } from './launch.js';
import { listContainers, listContainersWithSizes } from './list.js';
import { containerLogs } from './logs.js';
import { networkDirectory } from './network-directory.js';
import { pauseContainer, unpauseContainer } from './pause.js';
import { pruneContainers } from './prune.js';
import { RecentExits } from './recent-exits.js';
import { reconcileContainers } from './reconcile.js';
import { discardContainer, removeContainer } from './remove.js';
import { renameContainer } from './rename.js';
import { resizeContainer } from './resize.js';
import { restartContainer } from './restart.js';
import { startContainer } from './start.js';
import { containerStats, createStatsClock, type StatsClock } from './stats.js';
import { stopContainer } from './stop.js';
import { topContainer } from './top.js';
import { updateContainer } from './update.js';
import type { HostCapacity } from './validate-resources.js';
import { waitForContainer } from './wait.js';
import { within } from './within.js';

/** How long the end of the daemon may wait for the ends of containers; what is left is the next daemon's to remove. */
const ENDINGS_WAIT_MS = 5000;

/** The containers of this daemon; each verb is in a file of its own. `load` first, `reconcile` once networks and volumes are up. */
export class Containers implements ContainerService {
  readonly context: ContainersContext;
  /** The containers as the networks see them, for `NetworkService.useContainers`. */
  readonly directory: ReturnType<typeof networkDirectory>;
  private readonly statsClock: StatsClock;

  constructor(deps: ContainersDeps, capacity: HostCapacity) {
    this.context = {
      deps,
      registry: new ContainerRegistry(deps.repository, deps.log),
      locks: new KeyedLock(),
      capacity,
      recentExits: new RecentExits(),
      ahead: new AheadOfStarts(),
      endingRuns: new Set(),
      stopping: false,
      relaunch: (entry) => launchContainer(this.context, entry),
      discard: (entry) => discardContainer(this.context, entry),
    };
    this.directory = networkDirectory(this.context);
    this.statsClock = createStatsClock(deps.cgroupLayout, deps.log);
  }

  /** Reads the store into memory. */
  load(): void {
    this.context.registry.load();
  }

  /** Which containers may run, by the store: their sandboxes have to be kept until `reconcile` has looked. */
  runningIds(): ReadonlySet<string> {
    const running = this.context.registry.all().filter(({ container }) => container.state.running);
    return new Set(running.map(({ id }) => id));
  }

  /** At boot: makes memory, store and what really runs agree, then starts what restart policies ask for. */
  reconcile(): Promise<void> {
    return reconcileContainers(this.context);
  }

  /** Lets go of all shims; containers go on. What has ended is cleaned up, so far as that does not hang. */
  async shutdown(): Promise<void> {
    const { context } = this;
    const { registry, endingRuns, ahead } = context;
    context.stopping = true;
    for (const entry of registry.all()) {
      entry.cancelRestart?.();
      entry.stopHealth?.();
      if (entry.run && !endingRuns.has(entry.run)) entry.run.shim.close();
    }
    const endings = [...endingRuns].map(async (run) => {
      await run.cleaned;
      await run.removed;
    });
    await Promise.all([within(Promise.all(endings), ENDINGS_WAIT_MS), ahead.discardAll(context)]);
    for (const { shim } of endingRuns) shim.close();
  }

  /** The daemon is configured differently: what waits for starts was made with what was so before. */
  reload(): void {
    void this.context.ahead.discardWaiting(this.context);
  }

  /** A client has connected. What it asks for may be a container: where some have been started lately, preparations begin. */
  expectClient(): void {
    const { ahead, deps } = this.context;
    if (ahead.hasSpare) deps.quickMoves.expectStart();
  }

  create(request: CreateContainerRequest): Promise<{ id: string; warnings: string[] }> {
    return createContainer(this.context, request);
  }

  start(ref: string): Promise<void> {
    return startContainer(this.context, ref);
  }

  stop(ref: string, options: { timeoutSec: number | null; signal: string }): Promise<void> {
    return stopContainer(this.context, ref, options);
  }

  restart(ref: string, options: { timeoutSec: number | null; signal: string }): Promise<void> {
    return restartContainer(this.context, ref, options);
  }

  kill(ref: string, signal: string): Promise<void> {
    return killContainer(this.context, ref, signal);
  }

  pause(ref: string): Promise<void> {
    return pauseContainer(this.context, ref);
  }

  unpause(ref: string): Promise<void> {
    return unpauseContainer(this.context, ref);
  }

  rename(ref: string, newName: string): Promise<void> {
    return renameContainer(this.context, ref, newName);
  }

  update(ref: string, changes: UpdateContainerRequest): Promise<{ warnings: string[] }> {
    return updateContainer(this.context, ref, changes);
  }

  remove(ref: string, options: { force: boolean; volumes: boolean; link: boolean }): Promise<void> {
    return removeContainer(this.context, ref, options);
  }

  async wait(ref: string, condition: WaitCondition, signal: AbortSignal): Promise<{ done: Promise<WaitResult> }> {
    return waitForContainer(this.context, ref, condition, signal);
  }

  resize(ref: string, height: number, width: number): Promise<void> {
    return resizeContainer(this.context, ref, height, width);
  }

  list(options: ListContainersOptions): ContainerSummary[] {
    return listContainers(this.context, options);
  }

  listWithSizes(options: ListContainersOptions): Promise<ContainerSummary[]> {
    return listContainersWithSizes(this.context, options);
  }

  inspect(ref: string): Container {
    return withShownLinks(this.context, this.context.registry.find(ref).container);
  }

  async size(ref: string): Promise<ContainerSize> {
    return this.context.deps.snapshots.diskUsage(this.context.registry.find(ref).id);
  }

  top(ref: string, psArgs: string): Promise<{ titles: string[]; processes: string[][] }> {
    return topContainer(this.context, ref, psArgs);
  }

  prune(filters: Filters): Promise<{ deleted: string[]; spaceReclaimedBytes: number }> {
    return pruneContainers(this.context, filters);
  }

  attach(ref: string, options: AttachOptions): Promise<AttachSession> {
    return attachContainer(this.context, ref, options);
  }

  async logs(ref: string, options: LogsOptions, signal: AbortSignal): Promise<LogStream> {
    return containerLogs(this.context, ref, options, signal);
  }

  stats(ref: string, options: { stream: boolean; oneShot: boolean }, signal: AbortSignal): AsyncIterable<object> {
    return containerStats(this.context, this.statsClock, ref, options, signal);
  }

  commit(request: CommitContainerRequest): Promise<Image> {
    return commitContainer(this.context, request);
  }

  changes(ref: string): Promise<{ path: string; kind: 0 | 1 | 2 }[]> {
    return listContainerChanges(this.context, ref);
  }

  export(ref: string, signal: AbortSignal): Promise<Readable> {
    return exportContainer(this.context, ref, signal);
  }

  statPath(ref: string, path: string): Promise<PathStat> {
    return statContainerPath(this.context, ref, path);
  }

  getArchive(ref: string, path: string, signal: AbortSignal): Promise<{ stat: PathStat; tar: Readable }> {
    return getArchive(this.context, ref, path, signal);
  }

  putArchive(
    ref: string,
    path: string,
    tar: Readable,
    options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    return putArchive(this.context, ref, path, tar, options, signal);
  }
}
