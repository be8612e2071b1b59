import { readdirSync } from 'node:fs';
import { readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { hasCode } from '../../shared/errors.js';
import type { CgroupLayout } from './cgroup-layout.js';
import { containerDirectory } from './cgroup-layout.js';

const FREEZE_TIMEOUT_MS = 10_000;
const EXIT_TIMEOUT_MS = 2000;
const POLL_MS = 2;
/** How many looks a v1 freezer gets before it is let go for a moment. */
const LOOKS_PER_TRY = 25;

/**
 * Acts on the control group of a container, v1 or v2, which is found by its first process. A process in the root group is refused: nobody
 * means to freeze the host.
 */
export class CgroupControl {
  constructor(private readonly layout: CgroupLayout) {}

  /** Every process of the group and of those below it, ascending. Gone means none. */
  async pids(initPid: number, containerId: string): Promise<number[]> {
    const directory =
      this.layout.version === 2 ? this.directory(initPid, containerId, '') : this.anyDirectory(initPid, containerId);
    const found = await pidsBelow(directory);
    return [...new Set(found)].sort((a, b) => a - b);
  }

  /** Resolves when everything stands still. Throws when that takes more than ten seconds (then it is thawed again). */
  async freeze(initPid: number, containerId: string): Promise<void> {
    const directory = this.directory(initPid, containerId, 'freezer');
    const v2 = this.layout.version === 2;
    await writeFile(join(directory, v2 ? 'cgroup.freeze' : 'freezer.state'), v2 ? '1' : 'FROZEN');
    const deadline = Date.now() + FREEZE_TIMEOUT_MS;
    for (let looks = 1; !(await this.isFrozen(directory)); looks++) {
      if (Date.now() > deadline) {
        await this.thaw(initPid, containerId);
        throw new Error(`the processes of ${directory} could not be frozen within ${FREEZE_TIMEOUT_MS / 1000} s`);
      }
      await delay(POLL_MS);
      if (v2) continue;
      // v1 stops halfway when a process forks at the wrong moment: writing again goes on. And an execve waits for the other threads of its
      // process to end, for ever if they are frozen (the runtime's own, when a container is paused as soon as it runs).
      if (looks % LOOKS_PER_TRY === 0) {
        await this.thaw(initPid, containerId);
        await delay(POLL_MS);
      }
      await writeFile(join(directory, 'freezer.state'), 'FROZEN');
    }
  }

  async thaw(initPid: number, containerId: string): Promise<void> {
    const directory = this.directory(initPid, containerId, 'freezer');
    const v2 = this.layout.version === 2;
    await writeFile(join(directory, v2 ? 'cgroup.freeze' : 'freezer.state'), v2 ? '0' : 'THAWED');
  }

  /**
   * Removes the groups with this path from all hierarchies: those of a container of which a killed runtime knows nothing. None is fine; the
   * last processes may be on their way out. Rejects with EBUSY when they stay.
   */
  async remove(path: string): Promise<void> {
    const { controllerMounts, unifiedMount } = this.layout;
    const mounts = new Set([...controllerMounts.values(), ...(unifiedMount === null ? [] : [unifiedMount])]);
    const deadline = Date.now() + EXIT_TIMEOUT_MS;
    for (const mount of mounts) {
      while (!(await isRemoved(join(mount, path), Date.now() > deadline))) await delay(POLL_MS);
    }
  }

  private async isFrozen(directory: string): Promise<boolean> {
    if (this.layout.version === 2) return /^frozen 1$/m.test(await readFile(join(directory, 'cgroup.events'), 'utf8'));
    return (await readFile(join(directory, 'freezer.state'), 'utf8')).trim() === 'FROZEN';
  }

  private directory(initPid: number, containerId: string, controller: string): string {
    const directory = containerDirectory(this.layout, initPid, containerId, controller);
    if (directory === null) throw new Error(`the cgroup controller ${controller} is not mounted`);
    if (!this.isRoot(directory, controller)) return directory;
    const threads = otherThreads(initPid).map((tid) => containerDirectory(this.layout, tid, containerId, controller));
    const theirs = threads.find((one) => one !== null && !this.isRoot(one, controller));
    if (!theirs) throw new Error(`process ${initPid} is in the root control group`);
    return theirs;
  }

  private isRoot(directory: string, controller: string): boolean {
    const root = this.layout.version === 2 ? this.layout.unifiedMount : this.layout.controllerMounts.get(controller);
    return directory === root || directory === `${root}/`;
  }

  /** v1 keeps the same processes in each hierarchy, but not each is mounted everywhere. */
  private anyDirectory(initPid: number, containerId: string): string {
    const mounted = ['freezer', 'pids', 'memory', 'devices', 'cpu'].find((one) => this.layout.controllers.has(one));
    return this.directory(initPid, containerId, mounted ?? 'name=systemd');
  }
}

/**
 * When a process is killed, its first thread may be gone, and out of its groups (v1), while others have been frozen before they were: without
 * them nobody could thaw the rest.
 */
function otherThreads(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`)
    .map(Number)
    .filter((tid) => tid !== pid);
}

async function pidsBelow(directory: string): Promise<number[]> {
  try {
    const own = (await readFile(join(directory, 'cgroup.procs'), 'utf8')).split('\n').filter((line) => line !== '');
    const entries = await readdir(directory, { withFileTypes: true });
    const below = entries.filter((entry) => entry.isDirectory()).map((entry) => pidsBelow(join(directory, entry.name)));
    return [...own.map(Number), ...(await Promise.all(below)).flat()];
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENODEV')) return [];
    throw error;
  }
}

/** Whether it is; false when somebody is in it still and that is not the last try. */
async function isRemoved(directory: string, isLastTry: boolean): Promise<boolean> {
  try {
    await rmdir(directory);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return true;
    if (hasCode(error, 'EBUSY') && !isLastTry) return false;
    throw error;
  }
}
