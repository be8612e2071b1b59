import type { ContentStore } from '../../host/content/content-store.js';
import { diskUsageBytes } from '../../host/archive/disk-usage.js';
import { unpackLayer, type LayerSource } from '../../host/archive/unpack-layer.js';
import type { LayerStore } from '../../host/overlay/layer-store.js';
import { chainIdsOf } from '../../shared/chain-id.js';
import { KeyedLock } from '../../shared/keyed-lock.js';
import type { Logger } from '../../shared/logger.js';
import { UndoStack } from '../../shared/undo-stack.js';
import type { LayerBlobRecord, LayerRecord } from './image-repository.js';
import type { ImageStore } from './image-store.js';
import { OCI_LAYER_TAR } from './manifest.js';

export interface InstallOptions {
  signal: AbortSignal;
  /** Bytes of the archive consumed so far. */
  onProgress?: (bytes: number) => void;
}

/** A layer that was made here, and the blob with its archive. */
export interface CreatedLayer {
  layer: LayerRecord;
  blob: LayerBlobRecord;
  /** Entries of the archive; 0: nothing changed. */
  entries: number;
}

/** What an operation keeps from being collected. Dispose of it when the image is in the store, or the operation failed. */
export interface LayerLease extends AsyncDisposable {
  /** Adds chain IDs or blob digests to what is held. */
  hold(...keys: string[]): void;
}

/**
 * Unpacks layers and takes them away again. A layer is needed while an image stands on it or a lease holds it; whoever
 * lets go last removes it, so nothing is removed under an operation that counts on it.
 */
export class LayerInstaller {
  private readonly locks = new KeyedLock();
  private readonly leases = new Map<string, number>();
  /** Unpacked by operations that are still running: not yet in the store. */
  private readonly pending = new Map<string, LayerRecord>();

  constructor(
    private readonly store: ImageStore,
    private readonly content: ContentStore,
    private readonly unpacked: LayerStore,
    private readonly log: Logger,
  ) {}

  /** `blobs` says what becomes of complete blobs that no image came to need: kept for a retry, or removed. */
  lease(blobs: 'demote' | 'remove'): LayerLease {
    const held = new Set<string>();
    return {
      hold: (...keys) => {
        for (const key of keys) {
          if (held.has(key)) continue;
          held.add(key);
          this.leases.set(key, (this.leases.get(key) ?? 0) + 1);
        }
      },
      [Symbol.asyncDispose]: () => this.release([...held], blobs),
    };
  }

  /** The layer, if it is unpacked and known. */
  find(chainId: string): LayerRecord | null {
    return this.store.layer(chainId) ?? this.pending.get(chainId) ?? null;
  }

  /**
   * Unpacks an archive as the layer `chainId`, unless it is there. The caller holds a lease on the chain ID. Throws when
   * the archive is not `diffId`, or hostile; nothing is left then.
   */
  async install(chainId: string, diffId: string, path: string, options: InstallOptions): Promise<LayerRecord> {
    using _ = await this.locks.acquire(chainId, options.signal);
    const known = this.find(chainId);
    if (known) return known;
    // Left by a process that died before its image was complete.
    if (this.unpacked.has(chainId)) this.unpacked.remove(chainId);
    await using undo = new UndoStack(this.log);
    const prepared = this.unpacked.prepare();
    undo.push('remove the unpacked layer', () => prepared.abort());
    const archive = await unpackLayer({ path }, prepared.directory, { expectedDiffId: diffId, ...options });
    const sizeBytes = await diskUsageBytes(prepared.directory, options.signal);
    await prepared.commit({ chainId, diffId, sizeBytes });
    undo.commit();
    return this.note({ chainId, diffId, sizeBytes, archiveSizeBytes: archive.sizeBytes });
  }

  /**
   * Makes a layer, on top of the layers `below`, of an archive or of a container's changes whose digest nobody knows yet.
   * The uncompressed archive becomes a blob, so that push and save need not make it again; `lease` holds both. `entries`
   * tells whether there was anything in it. Throws when the archive is hostile or broken; nothing is left then.
   */
  async create(
    source: LayerSource,
    below: readonly string[],
    lease: LayerLease,
    signal: AbortSignal,
  ): Promise<CreatedLayer> {
    await using undo = new UndoStack(this.log);
    const prepared = this.unpacked.prepare();
    undo.push('remove the unpacked layer', () => prepared.abort());
    await using spooled = this.content.newSpooled();
    const archive = await unpackLayer(source, prepared.directory, { keepAt: spooled.path, signal });
    const { diffId, entries, sizeBytes: archiveSizeBytes } = archive;
    const chainId = chainIdsOf([...below, diffId]).at(-1) ?? diffId;
    const blob = { digest: diffId, diffId, mediaType: OCI_LAYER_TAR, sizeBytes: archiveSizeBytes };
    lease.hold(diffId, chainId);
    using _ = await this.locks.acquire(chainId, signal);
    await spooled.commit(diffId);
    const known = this.find(chainId);
    if (known) return { layer: known, blob, entries };
    const sizeBytes = await diskUsageBytes(prepared.directory, signal);
    await prepared.commit({ chainId, diffId, sizeBytes });
    undo.commit();
    return { layer: this.note({ chainId, diffId, sizeBytes, archiveSizeBytes }), blob, entries };
  }

  /**
   * Makes a layer known that somebody else has committed to the layer store: a commit of a container, a build step. The
   * caller holds a lease on it.
   */
  note(layer: LayerRecord): LayerRecord {
    this.pending.set(layer.chainId, layer);
    return layer;
  }

  /**
   * Removes those of the layers that nobody needs, uppermost first, with their blobs. Returns the removed chain IDs. To decide and to
   * remove is one synchronous stretch: nobody can come to count on a layer in between.
   */
  async collect(chainIds: readonly string[]): Promise<string[]> {
    const used = this.store.layerUseCounts();
    const doomed = [...new Set(chainIds)]
      .reverse()
      .filter((chainId) => !this.leases.has(chainId) && !used.has(chainId) && this.find(chainId) !== null);
    if (doomed.length === 0) return doomed;
    const blobs = this.blobsOnlyOf(doomed);
    for (const chainId of doomed) this.pending.delete(chainId);
    // At once: each commit waits for the disk, and all the longer while files are being removed.
    this.store.removeLayers(doomed, blobs);
    for (const chainId of doomed) this.unpacked.remove(chainId);
    // Another image may have come by a manifest that names the same blob.
    await this.collectBlobs(blobs, 'remove');
    await this.unpacked.trash.room();
    return doomed;
  }

  /** Waits for the space of removed layers to be free. */
  settled(): Promise<void> {
    return this.unpacked.trash.settled();
  }

  /** Removes blobs that no image refers to and no lease holds. */
  async collectBlobs(digests: readonly string[], how: 'demote' | 'remove'): Promise<void> {
    const live = this.store.liveDigests();
    for (const digest of digests) {
      if (live.has(digest) || this.leases.has(digest)) continue;
      if (how === 'demote') this.content.demote(digest);
      else await this.content.remove(digest);
    }
  }

  /** At boot, before operations start: removes what a dead process left behind. */
  async sweep(): Promise<void> {
    const used = this.store.layerUseCounts();
    // Those of an image that it was removing.
    await this.collect([...this.store.liveChainIds()].filter((chainId) => !used.has(chainId)));
    await this.unpacked.sweep(this.store.liveChainIds());
    const blobs = this.store.liveDigests();
    for (const digest of await this.content.list()) if (!blobs.has(digest)) this.content.demote(digest);
  }

  private async release(keys: string[], blobs: 'demote' | 'remove'): Promise<void> {
    for (const key of keys) {
      const left = (this.leases.get(key) ?? 1) - 1;
      if (left === 0) this.leases.delete(key);
      else this.leases.set(key, left);
    }
    const chainIds = keys.filter((key) => this.find(key) !== null);
    await this.collect(chainIds);
    for (const chainId of chainIds) if (!this.leases.has(chainId)) this.pending.delete(chainId);
    await this.collectBlobs(keys, blobs);
  }

  /** Blobs of these layers' archives that no other layer, on another stack, has too. */
  private blobsOnlyOf(chainIds: readonly string[]): string[] {
    const gone = new Set(chainIds);
    const diffIdOf = (chainId: string): string => this.find(chainId)?.diffId ?? '';
    const others = [...this.store.liveChainIds(), ...this.pending.keys()].filter((chainId) => !gone.has(chainId));
    const kept = new Set(others.map(diffIdOf));
    const lost = new Set(chainIds.map(diffIdOf).filter((diffId) => !kept.has(diffId)));
    return [...lost].flatMap((diffId) => this.store.blobsOf(diffId).map((blob) => blob.digest));
  }
}
