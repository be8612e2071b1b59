import { chainIdsOf } from '../../shared/chain-id.js';
import {
  canonicalString,
  familiarString,
  parseReference,
  repositoryName,
  type Reference,
} from '../../shared/reference.js';
import { formatRfc3339Nano, nowNs } from '../../shared/rfc3339.js';
import { parseImageConfig } from './image-config.js';
import type { Descriptor, Image } from './image.js';
import type { ImageRecord, ImageRepository, LayerBlobRecord, LayerRecord } from './image-repository.js';

interface Entry {
  record: ImageRecord;
  /** Rebuilt whenever its references change; never changed in place, so that readers may keep it. */
  image: Image;
}

/** A new image, as an operation hands it over. */
export interface NewImage {
  id: string;
  config: Buffer;
  parentId: string;
  descriptor: Descriptor | null;
  manifestDigests: string[];
  /** See ImageRecord. Default: none. */
  blobDigests?: string[];
}

/**
 * All images in memory, in step with the repository: reads never wait and never fail. Writes go to the repository first.
 */
export class ImageStore {
  private readonly entries = new Map<string, Entry>();
  /** Canonical reference to image id. */
  private readonly references = new Map<string, string>();
  private readonly layers = new Map<string, LayerRecord>();
  /** By diff id. */
  private readonly layerBlobs = new Map<string, LayerBlobRecord[]>();

  constructor(private readonly repository: ImageRepository) {
    const state = repository.load();
    for (const layer of state.layers) this.layers.set(layer.chainId, layer);
    for (const blob of state.layerBlobs) this.addLayerBlob(blob);
    for (const { reference, imageId } of state.references) this.references.set(reference, imageId);
    const referencesOf = new Map<string, string[]>();
    for (const { reference, imageId } of state.references) {
      referencesOf.set(imageId, [...(referencesOf.get(imageId) ?? []), reference]);
    }
    for (const record of state.images) {
      this.entries.set(record.id, { record, image: this.build(record, referencesOf.get(record.id) ?? []) });
    }
  }

  get(imageId: string): Image | null {
    const entry = this.entries.get(imageId);
    return entry && !entry.record.retired ? entry.image : null;
  }

  /** As `get`, but also an image that was deleted by force under a container. */
  getRetained(imageId: string): Image | null {
    return this.entries.get(imageId)?.image ?? null;
  }

  all(): Image[] {
    return [...this.entries.values()].filter((entry) => !entry.record.retired).map((entry) => entry.image);
  }

  /** The configuration as it was served. */
  configOf(imageId: string): Buffer | null {
    return this.entries.get(imageId)?.record.config ?? null;
  }

  manifestDigestsOf(imageId: string): string[] {
    return this.entries.get(imageId)?.record.manifestDigests ?? [];
  }

  /** Everything in the content store that is kept for the image's sake, beside its layers. */
  contentOf(imageId: string): string[] {
    const record = this.entries.get(imageId)?.record;
    return record ? [...record.manifestDigests, ...record.blobDigests] : [];
  }

  /** The id that a canonical reference points to. */
  resolve(reference: string): string | null {
    return this.references.get(reference) ?? null;
  }

  referencesOf(imageId: string): Reference[] {
    const found = [...this.references].filter(([, id]) => id === imageId).map(([reference]) => reference);
    return found.sort().map(parseReference);
  }

  /** References of one repository, `docker.io/library/busybox`. */
  referencesIn(repository: string): { reference: Reference; imageId: string }[] {
    return [...this.references]
      .map(([reference, imageId]) => ({ reference: parseReference(reference), imageId }))
      .filter(({ reference }) => repositoryName(reference) === repository)
      .sort((a, b) => (canonicalString(a.reference) < canonicalString(b.reference) ? -1 : 1));
  }

  children(imageId: string): Image[] {
    return this.all().filter((image) => image.parentId === imageId);
  }

  layer(chainId: string): LayerRecord | null {
    return this.layers.get(chainId) ?? null;
  }

  blobsOf(diffId: string): LayerBlobRecord[] {
    return this.layerBlobs.get(diffId) ?? [];
  }

  /** How many images stand on each layer, retired ones included. */
  layerUseCounts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { record } of this.entries.values()) {
      for (const chainId of new Set(record.chainIds)) counts.set(chainId, (counts.get(chainId) ?? 0) + 1);
    }
    return counts;
  }

  /** Adds an image, or adds to what is known of it (a manifest, or life to a retired one). Returns it. */
  add(image: NewImage, layers: LayerRecord[], layerBlobs: LayerBlobRecord[]): Image {
    for (const layer of layers) this.layers.set(layer.chainId, layer);
    const known = this.entries.get(image.id)?.record;
    const record: ImageRecord = {
      id: image.id,
      config: image.config,
      parentId: image.parentId || (known?.parentId ?? ''),
      descriptor: image.descriptor ? JSON.stringify(image.descriptor) : (known?.descriptor ?? null),
      lastTagTime: known?.lastTagTime ?? null,
      retired: false,
      chainIds: chainIdsOf(parseImageConfig(image.config).diffIds),
      manifestDigests: [...new Set([...(known?.manifestDigests ?? []), ...image.manifestDigests])],
      blobDigests: [...new Set([...(known?.blobDigests ?? []), ...(image.blobDigests ?? [])])],
    };
    this.repository.putImage(record, layers, layerBlobs);
    for (const blob of layerBlobs) this.addLayerBlob(blob);
    return this.rebuild(record);
  }

  /** Keeps more manifests and blobs with an image that is there. */
  addContent(imageId: string, manifestDigests: string[], blobDigests: string[]): void {
    const known = this.entries.get(imageId)?.record;
    if (!known) return;
    const record: ImageRecord = {
      ...known,
      manifestDigests: [...new Set([...known.manifestDigests, ...manifestDigests])],
      blobDigests: [...new Set([...known.blobDigests, ...blobDigests])],
    };
    this.repository.putImage(record, [], []);
    this.rebuild(record);
  }

  removeContent(imageId: string, digests: string[]): void {
    const known = this.entries.get(imageId)?.record;
    if (!known) return;
    this.repository.removeContent(imageId, digests);
    const stays = (digest: string): boolean => !digests.includes(digest);
    const { manifestDigests, blobDigests } = known;
    const record = {
      ...known,
      manifestDigests: manifestDigests.filter(stays),
      blobDigests: blobDigests.filter(stays),
    };
    this.rebuild(record);
  }

  addLayerBlobs(layerBlobs: LayerBlobRecord[]): void {
    this.repository.putLayerBlobs(layerBlobs);
    for (const blob of layerBlobs) this.addLayerBlob(blob);
  }

  /** Points references to an image, away from the one they named. `touch` notes the time as its last tagging. */
  setReferences(references: Reference[], imageId: string, touch: boolean): void {
    const keys = references.map(canonicalString);
    const now = touch ? formatRfc3339Nano(nowNs()) : null;
    this.repository.putReferences(
      keys.map((reference) => ({ reference, imageId })),
      now,
    );
    const touched = new Set([imageId]);
    for (const key of keys) {
      const previous = this.references.get(key);
      if (previous !== undefined) touched.add(previous);
      this.references.set(key, imageId);
    }
    const entry = this.entries.get(imageId);
    if (entry && now !== null) entry.record.lastTagTime = now;
    for (const id of touched) this.refresh(id);
  }

  removeReferences(references: Reference[]): void {
    const keys = references.map(canonicalString);
    this.repository.removeReferences(keys);
    const touched = new Set(keys.map((key) => this.references.get(key) ?? ''));
    for (const key of keys) this.references.delete(key);
    for (const id of touched) this.refresh(id);
  }

  /** Hides the image but keeps its layers. */
  retire(imageId: string): void {
    const entry = this.entries.get(imageId);
    if (!entry) return;
    const record = { ...entry.record, retired: true };
    this.removeReferences(this.referencesOf(imageId));
    this.repository.putImage(record, [], []);
    this.rebuild(record);
  }

  retired(): string[] {
    return [...this.entries.values()].filter((entry) => entry.record.retired).map((entry) => entry.record.id);
  }

  removeImage(imageId: string): void {
    this.repository.remove({ imageIds: [imageId], chainIds: [], blobDigests: [] });
    this.entries.delete(imageId);
    for (const [reference, id] of this.references) if (id === imageId) this.references.delete(reference);
  }

  removeLayers(chainIds: string[], blobDigests: string[]): void {
    this.repository.remove({ imageIds: [], chainIds, blobDigests });
    for (const chainId of chainIds) this.layers.delete(chainId);
    const gone = new Set(blobDigests);
    for (const [diffId, blobs] of this.layerBlobs) {
      const left = blobs.filter((blob) => !gone.has(blob.digest));
      if (left.length === 0) this.layerBlobs.delete(diffId);
      else if (left.length < blobs.length) this.layerBlobs.set(diffId, left);
    }
  }

  /** Every digest of the content store that something here stands for. */
  liveDigests(): Set<string> {
    const live = new Set<string>();
    for (const { record } of this.entries.values()) {
      for (const digest of record.manifestDigests) live.add(digest);
      for (const digest of record.blobDigests) live.add(digest);
    }
    for (const blobs of this.layerBlobs.values()) for (const blob of blobs) live.add(blob.digest);
    return live;
  }

  liveChainIds(): Set<string> {
    return new Set(this.layers.keys());
  }

  private addLayerBlob(blob: LayerBlobRecord): void {
    const others = this.blobsOf(blob.diffId).filter((other) => other.digest !== blob.digest);
    this.layerBlobs.set(blob.diffId, [...others, blob]);
  }

  private refresh(imageId: string): void {
    const entry = this.entries.get(imageId);
    if (entry) this.rebuild(entry.record);
  }

  private rebuild(record: ImageRecord): Image {
    const references = [...this.references].filter(([, id]) => id === record.id).map(([reference]) => reference);
    const image = this.build(record, references);
    this.entries.set(record.id, { record, image });
    return image;
  }

  private build(record: ImageRecord, references: string[]): Image {
    const parsed = references.sort().map(parseReference);
    return {
      ...parseImageConfig(record.config),
      id: record.id,
      parentId: record.parentId,
      chainIds: record.chainIds,
      sizeBytes: record.chainIds.reduce((sum, chainId) => sum + (this.layers.get(chainId)?.sizeBytes ?? 0), 0),
      repoTags: parsed.filter((ref) => ref.digest === '').map(familiarString),
      repoDigests: parsed.filter((ref) => ref.digest !== '').map(familiarString),
      descriptor: record.descriptor === null ? null : (JSON.parse(record.descriptor) as Descriptor),
      lastTagTime: record.lastTagTime,
    };
  }
}
