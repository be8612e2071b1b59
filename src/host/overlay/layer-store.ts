import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { internal, notFound } from '../../shared/errors.js';
import { spreadSubdirectories } from '../sys/spread-subdirectories.js';
import { layerDirectoryName, newLinkName } from './layer-id.js';
import { Trash } from './trash.js';

/** An unpacked layer. */
export interface Layer {
  chainId: string;
  diffId: string;
  /** Size of the layer's files, as the image's size adds up. */
  sizeBytes: number;
  /** Absolute path of the directory that overlayfs takes. */
  directory: string;
  /** Name under `overlay2/l` that leads there. */
  link: string;
}

/** A layer that is being unpacked. Either commit() or abort() it. */
export interface PendingLayer {
  /** Empty directory to unpack into. */
  directory: string;
  /**
   * Makes the layer exist, all or nothing, also across a crash: its record is on disk before the rename. Where somebody else committed the
   * same chain meanwhile, this copy is thrown away. Throws TypeError when `chainId` is no chain ID.
   */
  commit(layer: { chainId: string; diffId: string; sizeBytes: number }): Promise<Layer>;
  /** Removes what was unpacked. Harmless after commit(). */
  abort(): Promise<void>;
}

const RECORD = 'layer.json';
/** Says which set of mount points an init layer has; a release that changes the set changes the number. */
const INIT_LAYER_PREFIX = 'init1-';

/** The directory of the init layer (mount points that containers need) on a chain; null: on no layer at all. */
export function initLayerName(topChainId: string | null): string {
  return INIT_LAYER_PREFIX + (topChainId === null ? 'scratch' : layerDirectoryName(topChainId));
}

/** Directories of this prefix are unfinished or on their way out; sweep() removes them. */
export const RUBBISH_PREFIX = 'unpack-';
const LAYER_DIRECTORY = /^[0-9a-f]{64}$/;

/**
 * Unpacked image layers below `<dataRoot>/overlay2`, one directory per chain ID. The directories are the only record of which layers exist: a
 * directory with a `layer.json` is a whole layer, everything else is rubbish of a crash. Layout (dockerd's): `<hex>/diff`, `<hex>/link`,
 * `l/<26 chars>` → `../<hex>/diff`.
 */
export class LayerStore {
  /** Where the files of removed layers go. */
  readonly trash: Trash;
  /** The links of the init layers that have been used, by their names. They go with their layers. */
  readonly initLinks = new Map<string, string>();
  /** Told of each layer that is about to go, and does whatever they throw. */
  readonly removalListeners: ((chainId: string) => void)[] = [];
  private readonly layers: Map<string, Layer>;

  /**
   * `directory` is `<dataRoot>/overlay2`; made when missing. Reads the records of all layers. `onFault` hears of files of removed layers
   * that could not be removed, and of what stood on them and could not; the sweep of the next boot tries again.
   */
  constructor(
    readonly directory: string,
    private readonly onFault: (error: unknown) => void = () => undefined,
  ) {
    this.trash = new Trash(directory, RUBBISH_PREFIX, onFault);
    mkdirSync(join(directory, 'l'), { recursive: true, mode: 0o710 });
    // ext4 does not reuse inodes deleted less than a minute or so ago, and scans past all of them for each new file: after the
    // removal of a large layer, one unpacked beside it would take several times as long.
    spreadSubdirectories(directory);
    this.layers = new Map(this.load().map((layer) => [layer.chainId, layer]));
  }

  has(chainId: string): boolean {
    return this.layers.has(chainId);
  }

  /** Throws not-found (`layer does not exist`). */
  get(chainId: string): Layer {
    const layer = this.layers.get(chainId);
    if (!layer) throw notFound('layer does not exist');
    return layer;
  }

  list(): Layer[] {
    return [...this.layers.values()];
  }

  sizeBytes(chainId: string): number {
    return this.get(chainId).sizeBytes;
  }

  /** Whether the short name leads to the layer's files. */
  isLinked(chainId: string): boolean {
    const { link, directory } = this.get(chainId);
    const path = join(this.directory, 'l', link);
    return existsSync(path) && realpathSync(path) === realpathSync(directory);
  }

  /** The layers of a chain as overlayfs wants its lower directories: topmost first. `chain` is bottom first, as in an image. */
  lowerLayers(chain: readonly string[]): Layer[] {
    return chain.map((chainId) => this.get(chainId)).reverse();
  }

  /** As lowerLayers(), only the directories. */
  lowerDirs(chain: readonly string[]): string[] {
    return this.lowerLayers(chain).map((layer) => layer.directory);
  }

  /** Starts a layer in a temporary directory. Which layer it is, need not be known before its commit. */
  prepare(): PendingLayer {
    const temporary = join(this.directory, `${RUBBISH_PREFIX}${randomBytes(12).toString('hex')}`);
    mkdirSync(temporary, { mode: 0o710 });
    const directory = join(temporary, 'diff');
    mkdirSync(directory, { mode: 0o755 });
    const abort = (): Promise<void> => rm(temporary, { recursive: true, force: true });
    const commit = async ({ chainId, diffId, sizeBytes }: Omit<Layer, 'directory' | 'link'>): Promise<Layer> => {
      const name = layerDirectoryName(chainId);
      const existing = this.layers.get(chainId);
      if (existing) {
        await abort();
        return existing;
      }
      const layer = { chainId, diffId, sizeBytes, directory: join(this.directory, name, 'diff'), link: newLinkName() };
      this.install(temporary, name, layer);
      return layer;
    };
    return { directory, commit, abort };
  }

  /**
   * Removes a layer that no container and no image needs; missing is fine. The layer is gone when the call returns, its files and their
   * space soon after: see `trash`.
   */
  remove(chainId: string): void {
    const layer = this.layers.get(chainId);
    if (!layer) return;
    this.tellRemoval(chainId);
    this.layers.delete(chainId);
    this.trash.discard(join(this.directory, layerDirectoryName(chainId)));
    rmSync(join(this.directory, 'l', layer.link), { force: true });
    this.removeInitLayer(chainId);
  }

  private tellRemoval(chainId: string): void {
    for (const listener of this.removalListeners) {
      try {
        listener(chainId);
      } catch (error) {
        this.onFault(error);
      }
    }
  }

  private removeInitLayer(chainId: string): void {
    const name = initLayerName(chainId);
    this.initLinks.delete(name);
    const path = join(this.directory, name);
    const linkFile = join(path, 'link');
    if (!existsSync(linkFile)) return;
    rmSync(join(this.directory, 'l', readFileSync(linkFile, 'utf8')), { force: true });
    this.trash.discard(path);
  }

  /**
   * At boot: removes what a crash left: unfinished layers, layers that are not in `knownChainIds` (null: keep all), and links that
   * lead nowhere. Directories of containers are Snapshots' business. Returns how many directories went.
   */
  async sweep(knownChainIds: ReadonlySet<string> | null = null): Promise<number> {
    let removed = 0;
    for (const { chainId } of this.list()) {
      if (!knownChainIds || knownChainIds.has(chainId)) continue;
      this.remove(chainId);
      removed++;
    }
    await this.trash.settled();
    for (const name of readdirSync(this.directory)) {
      if (!name.startsWith(RUBBISH_PREFIX)) continue;
      this.trash.discard(join(this.directory, name));
      removed++;
    }
    await this.trash.settled();
    for (const link of readdirSync(join(this.directory, 'l'))) {
      const path = join(this.directory, 'l', link);
      if (!existsSync(path)) await rm(path, { force: true });
    }
    return removed;
  }

  private install(temporary: string, name: string, layer: Layer): void {
    const link = join(this.directory, 'l', layer.link);
    writeDurably(join(temporary, 'link'), layer.link);
    const { chainId, diffId, sizeBytes } = layer;
    writeDurably(join(temporary, RECORD), JSON.stringify({ chainId, diffId, sizeBytes }));
    symlinkSync(join('..', name, 'diff'), link);
    // Without a record a directory of this name is no layer; a rename can't replace it while it is there.
    const target = join(this.directory, name);
    if (existsSync(target)) renameSync(target, join(this.directory, `${RUBBISH_PREFIX}stale-${layer.link}`));
    renameSync(temporary, target);
    syncDirectory(this.directory);
    this.layers.set(layer.chainId, layer);
  }

  private load(): Layer[] {
    return readdirSync(this.directory)
      .filter((name) => LAYER_DIRECTORY.test(name))
      .map((name) => this.read(name))
      .filter((layer) => layer !== null);
  }

  /** A directory without a record is a container's, or rubbish. */
  private read(name: string): Layer | null {
    const base = join(this.directory, name);
    const record = join(base, RECORD);
    if (!existsSync(record)) return null;
    try {
      const parsed = JSON.parse(readFileSync(record, 'utf8')) as { diffId: string; sizeBytes: number };
      const link = readFileSync(join(base, 'link'), 'utf8').trim();
      const { diffId, sizeBytes } = parsed;
      return { chainId: `sha256:${name}`, diffId, sizeBytes, directory: join(base, 'diff'), link };
    } catch (error) {
      throw internal(`layer record ${record} is damaged`, error);
    }
  }
}

function writeDurably(path: string, text: string): void {
  const fd = openSync(path, 'w', 0o600);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
