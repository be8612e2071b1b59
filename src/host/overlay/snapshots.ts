import {
  close,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { systemFault } from '../archive/archive-error.js';
import { diskUsageBytes } from '../archive/disk-usage.js';
import { conflict, hasCode, invalid, notFound } from '../../shared/errors.js';
import { umountAll, umountAllOnThread } from '../sys/mount.js';
import { removalObstacle } from '../sys/removal-obstacle.js';
import type { LayerStore } from './layer-store.js';
import { mountOverlay } from './overlay-mount.js';
import { sharedInitLayer, type LayerBelow } from './shared-init-layer.js';

/** What the kernel stacks (500), less the init layer. dockerd stops at 125. */
const MAX_LAYERS = 499;
const O_PATH = 0o10000000;
const closeFile = promisify(close);
const CONTAINER_ID = /^[0-9a-f]{64}$/;

/** What inspect shows as GraphDriver.Data. */
export interface GraphDriverData {
  ID: string;
  LowerDir: string;
  MergedDir: string;
  UpperDir: string;
  WorkDir: string;
}

/** A container's file system. */
export interface Snapshot {
  id: string;
  /** The container's own changes. */
  upper: string;
  work: string;
  /** Where mount() puts the whole. */
  merged: string;
  /** Directories below, topmost first: the init layer, then the image's. */
  lowers: string[];
}

/** What was made of a snapshot before it is created. */
interface PreparedSnapshot {
  chain: readonly string[];
  /** As in its file of that name. */
  lower: string;
  isVolatile: boolean;
}

/** A snapshot as inspect shows it. */
export function graphDriverData({ id, upper, work, merged, lowers }: Snapshot): GraphDriverData {
  return { ID: id, LowerDir: lowers.join(':'), MergedDir: merged, UpperDir: upper, WorkDir: work };
}

/**
 * The writable layers of containers, beside the image layers in `<dataRoot>/overlay2`: `<id>/{diff,work,merged,lower}`, on an init layer that
 * all containers of an image share. `lower` lists the links of the layers below and thereby says what a container stands on, so nothing has to be
 * remembered elsewhere. All of it is a few system calls; callers hold the container's lock.
 */
export class Snapshots {
  /** Of the file system that all of them are on. */
  private device: number | null = null;
  /** By id. */
  private readonly prepared = new Map<string, PreparedSnapshot>();

  constructor(private readonly layers: LayerStore) {
    layers.removalListeners.push((chainId) => this.discardPreparedOn(chainId));
  }

  /**
   * Makes the layers of a container on an image's chain (bottom first, may be empty). Nothing is left behind on failure.
   * What `prepare` has made for the same is used. Throws not-found when a layer is missing, invalid `max depth exceeded`.
   */
  create(id: string, chain: string[], { isVolatile = false }: { isVolatile?: boolean } = {}): Snapshot {
    const below = this.layersBelow(id, chain);
    const lower = lowerText(below);
    const prepared = this.prepared.get(id);
    const isMade = prepared?.lower === lower && prepared.isVolatile === isVolatile;
    if (isMade) this.prepared.delete(id);
    else if (prepared) this.discardPrepared(id);
    if (!isMade) this.makeDirectories(id, lower);
    const directories = below.map(({ directory }) => directory);
    return this.describe(id, directories);
  }

  /**
   * Makes and mounts ahead what `create` will be asked for. Nothing is left behind on failure; throws as `create` and `mount` do. It goes with
   * `remove`, or with one of the layers that it is on.
   */
  prepare(id: string, chain: string[], { isVolatile }: { isVolatile: boolean }): void {
    const lower = lowerText(this.layersBelow(id, chain));
    this.makeDirectories(id, lower);
    try {
      this.mount(id, { isVolatile });
    } catch (error) {
      rmSync(this.path(id), { recursive: true, force: true });
      throw error;
    }
    this.prepared.set(id, { chain, lower, isVolatile });
  }

  exists(id: string): boolean {
    return existsSync(join(this.path(id), 'lower'));
  }

  /** Throws not-found when there is none. */
  get(id: string): Snapshot {
    return this.describe(
      id,
      this.lowerLinks(id).map((link) => this.resolveLink(link)),
    );
  }

  /**
   * Mounts the container's file system and returns where. Calling it again while mounted stacks nothing: unmount() first. What is written
   * to a volatile one need not survive a loss of power, and nobody waits for the disk.
   */
  mount(id: string, { isVolatile = false }: { isVolatile?: boolean } = {}): string {
    const target = `${this.path(id)}/merged`;
    const lowers = this.lowerLinks(id);
    // The kernel's mark that the last mount was volatile; with it there, it refuses to mount again.
    const mark = `${this.path(id)}/work/work/incompat`;
    if (existsSync(mark)) rmSync(mark, { recursive: true, force: true });
    mountOverlay({ base: this.layers.directory, lowers, upper: `${id}/diff`, work: `${id}/work`, target, isVolatile });
    return target;
  }

  /**
   * Where it is mounted; null when it is not, or there is none. An overlay has a device number of its own, so one comparison tells; the
   * mount table would have to be read whole.
   */
  mounted(id: string): string | null {
    const merged = `${this.path(id)}/merged`;
    this.device ??= statSync(this.layers.directory).dev;
    const stat = statSync(merged, { throwIfNoEntry: false });
    return stat && stat.dev !== this.device ? merged : null;
  }

  /**
   * Unmounts, lazily where somebody is still in it; not mounted is fine. It is out of the way when this returns; settles when what was
   * written is on the disk, which the kernel waits for with the last user of the mount: that is done on a thread.
   */
  async unmount(id: string): Promise<void> {
    const lastUser = this.detach(id);
    if (lastUser !== null) await closeFile(lastUser);
  }

  /** Takes a mount out of its place; the descriptor of its last user. null: not mounted. */
  private detach(id: string): number | null {
    const merged = this.mounted(id);
    if (merged === null) return null;
    const lastUser = openSync(merged, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      umountAll(merged);
      return lastUser;
    } catch (error) {
      closeSync(lastUser);
      throw error;
    }
  }

  /** The same, all of it on a thread. Until it settles nobody may mount it, or look whether it is mounted. */
  async unmountAside(id: string): Promise<void> {
    const merged = this.mounted(id);
    if (merged !== null) await umountAllOnThread(merged);
  }

  /**
   * Unmounts and removes a container's layers, and if given the directory with its other files; missing is fine. They are gone when it
   * settles, their files soon after: see Trash. When something in the directory can't be removed it rejects, and nothing is.
   */
  async remove(id: string, directory?: string): Promise<void> {
    await this.unmount(id);
    const obstacle = directory === undefined ? null : removalObstacle(directory);
    if (obstacle) throw obstacle;
    this.prepared.delete(id);
    this.layers.trash.discard(this.path(id));
    if (directory !== undefined) await this.layers.trash.discardFromAnywhere(directory);
    await this.layers.trash.room();
  }

  /** Whether a removal with such a directory would not reject, and its space is not needed at once. */
  canGoLater(directory: string): boolean {
    return removalObstacle(directory) === null && !this.layers.trash.isTight();
  }

  /** The IDs of all containers that have anything here. */
  ids(): string[] {
    const found = readdirSync(this.layers.directory).filter(
      (name) => CONTAINER_ID.test(name) && !this.layers.has(`sha256:${name}`),
    );
    return found;
  }

  /** At boot: removes the layers of containers that are not known. Returns their IDs. */
  async sweep(knownIds: ReadonlySet<string>): Promise<string[]> {
    const unknown = this.ids().filter((id) => !knownIds.has(id));
    for (const id of unknown) await this.remove(id);
    await this.layers.trash.settled();
    return unknown;
  }

  /** Size of what the container wrote (SizeRw). */
  sizeRwBytes(id: string, signal?: AbortSignal): Promise<number> {
    return diskUsageBytes(join(this.path(id), 'diff'), signal);
  }

  /** Mounts an image's layers (bottom first) read-only on an existing directory; the caller unmounts it (sys/mount.ts). */
  mountReadOnlyView(chain: string[], target: string): void {
    const lowers = this.layers.lowerLayers(chain).map(({ link }) => `l/${link}`);
    // Without an upper layer overlayfs wants two lower ones; empty ones at the bottom change nothing.
    for (const name of ['empty/1', 'empty/2'].slice(lowers.length)) {
      mkdirSync(join(this.layers.directory, name), { recursive: true, mode: 0o755 });
      lowers.push(name);
    }
    mountOverlay({ base: this.layers.directory, lowers, target });
  }

  /** Topmost first. */
  private layersBelow(id: string, chain: string[]): LayerBelow[] {
    if (chain.length > MAX_LAYERS) throw invalid('max depth exceeded');
    const layers = this.layers.lowerLayers(chain);
    try {
      return [sharedInitLayer(this.layers, chain), ...layers];
    } catch (error) {
      throw systemFault('creating layers', id, error);
    }
  }

  private makeDirectories(id: string, lower: string): void {
    const base = this.path(id);
    let isOurs = false;
    try {
      mkdirSync(base, { mode: 0o710 });
      isOurs = true;
      // `/` is root's, mode 0755, whatever the image's archive says of it: the same as with dockerd.
      mkdirSync(`${base}/diff`, { mode: 0o755 });
      mkdirSync(`${base}/work`, { mode: 0o700 });
      mkdirSync(`${base}/merged`, { mode: 0o700 });
      // Last: a directory without it is not a snapshot.
      writeFileSync(`${base}/lower`, lower);
    } catch (error) {
      if (isOurs) rmSync(base, { recursive: true, force: true });
      else if (existsSync(base)) throw conflict(`container ${id} has a file system already`, error);
      throw systemFault('creating layers', id, error);
    }
  }

  private discardPreparedOn(chainId: string): void {
    for (const [id, { chain }] of this.prepared) if (chain.includes(chainId)) this.discardPrepared(id);
  }

  /** Its place is free at once. */
  private discardPrepared(id: string): void {
    const lastUser = this.detach(id);
    // on a thread, as the kernel may write out what is below
    if (lastUser !== null) close(lastUser);
    this.layers.trash.discard(this.path(id));
    this.prepared.delete(id);
  }

  private path(id: string): string {
    if (!CONTAINER_ID.test(id)) throw new TypeError(`not a container ID: ${id}`);
    return `${this.layers.directory}/${id}`;
  }

  private describe(id: string, lowers: string[]): Snapshot {
    const base = this.path(id);
    return { id, upper: `${base}/diff`, work: `${base}/work`, merged: `${base}/merged`, lowers };
  }

  private lowerLinks(id: string): string[] {
    try {
      return readFileSync(`${this.path(id)}/lower`, 'utf8').split(':');
    } catch (error) {
      if (hasCode(error, 'ENOENT')) throw notFound(`layer of container ${id} does not exist`, error);
      throw error;
    }
  }

  /** The absolute directory behind `l/<link>`. */
  private resolveLink(link: string): string {
    const path = join(this.layers.directory, link);
    return resolve(dirname(path), readlinkSync(path));
  }
}

function lowerText(below: readonly LayerBelow[]): string {
  return below.map(({ link }) => `l/${link}`).join(':');
}
