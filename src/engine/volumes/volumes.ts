import { randomBytes } from 'node:crypto';
import { directorySizeBytes } from '../../host/volumes/directory-size.js';
import { isMountPoint, mountVolume, unmountVolume } from '../../host/volumes/mount-volume.js';
import type { VolumeDirectories } from '../../host/volumes/volume-directories.js';
import { conflict, notFound } from '../../shared/errors.js';
import { KeyedLock } from '../../shared/keyed-lock.js';
import type { Logger } from '../../shared/logger.js';
import type { VolumeRecord, VolumeStore } from '../../store/volumes.js';
import type { Filters } from '../containers/container.js';
import type { EmitEvent } from '../events/event.js';
import type { Volume, VolumeService, VolumeUse } from './volume.js';
import { ANONYMOUS_LABEL, checkVolumeRequest, listFilter, needsMount, pruneFilter } from './volume-rules.js';

interface Entry {
  volume: Volume;
  /** Containers that exist and use it. */
  references: Set<string>;
  /** Those that hold a mount; the value says whether the unmount is told as an event. */
  mounts: Map<string, { announced: boolean }>;
}

export interface VolumesDeps {
  store: VolumeStore;
  directories: VolumeDirectories;
  emit: EmitEvent;
  log: Logger;
}

/** Volumes of the local driver. All are in memory; each change is in the store before a call returns. */
export class Volumes implements VolumeService {
  private readonly entries = new Map<string, Entry>();
  private readonly mounting = new KeyedLock();

  constructor(private readonly deps: VolumesDeps) {
    for (const record of deps.store.list()) this.remember(record);
    for (const { volume, containerId, mounted } of deps.store.listReferences()) {
      const entry = this.entries.get(volume);
      entry?.references.add(containerId);
      if (mounted) entry?.mounts.set(containerId, { announced: true });
    }
  }

  /**
   * At boot: makes directories that are missing, adopts those that nobody knows (their data is worth more than our
   * memory), and deletes what a removal left over.
   */
  async reconcile(): Promise<void> {
    const { directories, store, log } = this.deps;
    const found = new Set(directories.list());
    for (const name of this.entries.keys()) if (!found.has(name)) directories.create(name);
    for (const name of found) {
      if (this.entries.has(name)) continue;
      const record = { name, driver: 'local', createdAt: now(), anonymous: false, labels: {}, options: {} };
      store.insert(record);
      this.remember(record);
      log.warn({ volume: name }, 'adopted a volume that the database did not know');
    }
    await directories.sweep();
  }

  async create(request: {
    name: string;
    driver: string;
    driverOpts: Record<string, string>;
    labels: Record<string, string>;
  }): Promise<Volume> {
    const known = this.entries.get(request.name);
    const named = request.name !== '';
    const name = named ? request.name : randomBytes(32).toString('hex');
    if (known && (request.driver === '' || request.driver === known.volume.driver)) return known.volume;
    checkVolumeRequest(name, request.driver, request.driverOpts);
    const labels = named ? request.labels : { ...request.labels, [ANONYMOUS_LABEL]: '' };
    const record: VolumeRecord = {
      name,
      driver: 'local',
      createdAt: now(),
      anonymous: Object.hasOwn(labels, ANONYMOUS_LABEL),
      labels,
      options: request.driverOpts,
    };
    this.deps.directories.create(name);
    this.deps.store.insert(record);
    const { volume } = this.remember(record);
    this.tell('create', volume);
    return volume;
  }

  inspect(name: string): Volume {
    return this.get(name).volume;
  }

  list(filters: Filters): { volumes: Volume[]; warnings: string[] } {
    const accepts = listFilter(filters, (name) => (this.entries.get(name)?.references.size ?? 0) > 0);
    const volumes = [...this.entries.values()].map(({ volume }) => volume).filter(accepts);
    return { volumes: volumes.sort((a, b) => (a.name < b.name ? -1 : 1)), warnings: [] };
  }

  async remove(name: string, force: boolean): Promise<void> {
    const entry = this.entries.get(name);
    if (!entry && force) return;
    await this.removeEntry(this.get(name));
  }

  async prune(filters: Filters): Promise<{ deleted: string[]; spaceReclaimedBytes: number }> {
    const accepts = pruneFilter(filters);
    const deleted: string[] = [];
    let spaceReclaimedBytes = 0;
    for (const entry of [...this.entries.values()]) {
      if (entry.references.size > 0 || !accepts(entry.volume)) continue;
      const sizeBytes = await this.size(entry.volume);
      // Sizing takes a while, and a container may have come for it meanwhile.
      if (entry.references.size > 0 || this.entries.get(entry.volume.name) !== entry) continue;
      await this.removeEntry(entry);
      deleted.push(entry.volume.name);
      spaceReclaimedBytes += Math.max(sizeBytes, 0);
    }
    const attributes = { reclaimed: String(spaceReclaimedBytes) };
    this.deps.emit({ type: 'volume', action: 'prune', actorId: '', attributes });
    return { deleted, spaceReclaimedBytes };
  }

  async mount(name: string, containerId: string, use?: VolumeUse): Promise<string> {
    using _ = await this.mounting.acquire(name);
    const entry = this.get(name);
    const { volume } = entry;
    const needed = needsMount(volume.options);
    if (needed && !isMountPoint(volume.mountpoint)) await mountVolume(volume.mountpoint, volume.options);
    // A daemon that comes after us has to know who holds it, and whom to tell of the unmount.
    if (needed || use) this.deps.store.setMounted(name, containerId, true);
    const announced = use !== undefined || entry.mounts.get(containerId)?.announced === true;
    entry.mounts.set(containerId, { announced });
    if (use) this.tellUse('mount', name, containerId, use);
    return volume.mountpoint;
  }

  async unmount(name: string, containerId: string): Promise<void> {
    using _ = await this.mounting.acquire(name);
    const entry = this.entries.get(name);
    const held = entry?.mounts.get(containerId);
    if (!entry || !held) return;
    entry.mounts.delete(containerId);
    if (needsMount(entry.volume.options) && entry.mounts.size === 0) unmountVolume(entry.volume.mountpoint);
    this.deps.store.setMounted(name, containerId, false);
    if (held.announced) this.tellUse('unmount', name, containerId);
  }

  tellUse(action: 'mount' | 'unmount', name: string, containerId: string, use?: VolumeUse): void {
    const entry = this.entries.get(name);
    if (!entry) return;
    const { destination = '', propagation = '', rw } = use ?? {};
    const details = use && { destination, propagation, 'read/write': String(rw) };
    this.tell(action, entry.volume, { container: containerId, ...details });
  }

  reference(name: string, containerId: string): void {
    const { references } = this.get(name);
    this.deps.store.reference(name, containerId);
    references.add(containerId);
  }

  unreference(name: string, containerId: string): void {
    this.deps.store.unreference(name, containerId);
    this.entries.get(name)?.references.delete(containerId);
  }

  async usage(): Promise<{ volume: Volume; sizeBytes: number; refCount: number }[]> {
    const entries = [...this.entries.values()].sort((a, b) => (a.volume.name < b.volume.name ? -1 : 1));
    return Promise.all(
      entries.map(async ({ volume, references }) => ({
        volume,
        sizeBytes: await this.size(volume),
        refCount: references.size,
      })),
    );
  }

  /** Everything up to the deletion of files happens in one go, so that no container can take it in between. */
  private async removeEntry({ volume, references }: Entry): Promise<void> {
    if (references.size > 0) {
      throw conflict(`remove ${volume.name}: volume is in use - [${[...references].join(', ')}]`);
    }
    if (needsMount(volume.options)) unmountVolume(volume.mountpoint);
    const deleteFiles = this.deps.directories.detach(volume.name);
    this.deps.store.delete(volume.name);
    this.entries.delete(volume.name);
    this.tell('destroy', volume);
    await deleteFiles();
  }

  private get(name: string): Entry {
    const entry = this.entries.get(name);
    if (!entry) throw notFound(`get ${name}: no such volume`);
    return entry;
  }

  private remember(record: VolumeRecord): Entry {
    const mountpoint = this.deps.directories.dataPath(record.name);
    const entry: Entry = {
      volume: { ...record, mountpoint, scope: 'local' },
      references: new Set(),
      mounts: new Map(),
    };
    this.entries.set(record.name, entry);
    return entry;
  }

  /** -1: it can't be told. */
  private async size(volume: Volume): Promise<number> {
    try {
      return await directorySizeBytes(volume.mountpoint);
    } catch (err) {
      this.deps.log.warn({ err, volume: volume.name }, 'could not measure the volume');
      return -1;
    }
  }

  private tell(action: string, { name, driver }: Volume, attributes: Record<string, string> = {}): void {
    this.deps.emit({ type: 'volume', action, actorId: name, attributes: { driver, ...attributes } });
  }
}

/** RFC 3339 without fractions, as dockerd shows it. */
function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}
