import type { Readable } from 'node:stream';
import type { ContentStore } from '../../host/content/content-store.js';
import type { LayerStore } from '../../host/overlay/layer-store.js';
import type { Registries } from '../../host/registry/registries.js';
import { conflict } from '../../shared/errors.js';
import type { Logger } from '../../shared/logger.js';
import { Semaphore } from '../../shared/semaphore.js';
import type { Filters } from '../containers/container.js';
import type { EmitEvent } from '../events/event.js';
import { imageAttestations, type AttestationOptions } from './attestations.js';
import { commitImage, type CommitOptions } from './commit.js';
import { findImage, getImage } from './find.js';
import { imageHistory } from './history.js';
import type { ImageContext, ImageUser } from './image-context.js';
import type { ImageRepository } from './image-repository.js';
import type { ImageService, ProgressSink, RegistryCredentials } from './image-service.js';
import { ImageStore } from './image-store.js';
import type {
  AttestationStatement,
  Image,
  ImageDeleteItem,
  ImageHistoryRow,
  ImageManifest,
  ImageSummary,
} from './image.js';
import { checkImport, importImage, type ImportOptions } from './import.js';
import { inspectDistribution, type Distribution } from './distribution.js';
import { openImportSource } from './import-source.js';
import { searchImages, type SearchResult } from './search.js';
import { LayerInstaller } from './layer-installer.js';
import { listImages } from './list.js';
import { loadImages } from './load.js';
import { login } from './login.js';
import { platformMismatch, requirePlatform } from './platform-match.js';
import { imageForPlatform } from './image-variant.js';
import { removeVariants, variantsToRemove } from './remove-variants.js';
import { imageManifests } from './image-manifests.js';
import { pruneImages } from './prune.js';
import { pull, type PullOptions } from './pull.js';
import { push, type PushOptions } from './push.js';
import { removeImage } from './remove.js';
import { saveImages } from './save.js';
import { tagImage } from './tag.js';

export interface ImagesDeps {
  repository: ImageRepository;
  content: ContentStore;
  layers: LayerStore;
  registries: Registries;
  emit: EmitEvent;
  log: Logger;
  /** The containers that were made from an image. */
  imageUsers: (imageId: string) => ImageUser[];
  maxConcurrentDownloads: number;
  maxConcurrentUploads: number;
}

const GRAPH_DRIVER = 'overlay2';
/** A download that nobody took up again for so long is given up. */
const PARTIAL_AGE_MS = 7 * 24 * 3600 * 1000;

/** All that can be done with images; a verb per file. Reads answer from memory. */
export class Images implements ImageService {
  private readonly context: ImageContext;
  private pruning = false;

  constructor(private readonly deps: ImagesDeps) {
    const store = new ImageStore(deps.repository);
    const layers = new LayerInstaller(store, deps.content, deps.layers, deps.log);
    const downloads = new Semaphore(deps.maxConcurrentDownloads);
    const uploads = new Semaphore(deps.maxConcurrentUploads);
    this.context = { ...deps, store, layers, downloads, uploads };
  }

  /** Takes new values of the options. */
  reload(limits: { maxConcurrentDownloads: number; maxConcurrentUploads: number }): void {
    this.context.downloads.resize(limits.maxConcurrentDownloads);
    this.context.uploads.resize(limits.maxConcurrentUploads);
  }

  /** The images in memory, for verbs of other nouns that make images (commit, build). */
  get store(): ImageStore {
    return this.context.store;
  }

  /** Unpacks and keeps layers, for verbs of other nouns that make images. */
  get layerInstaller(): LayerInstaller {
    return this.context.layers;
  }

  /** At boot, before anything else runs: removes what a dead process left unfinished. */
  async sweep(): Promise<void> {
    await this.deps.content.sweepIngest(PARTIAL_AGE_MS);
    await this.context.layers.sweep();
    await this.releaseRetired();
  }

  /**
   * Removes images that were deleted by force while a container stood on them, once it is gone. To be called after a
   * container has been removed.
   */
  async releaseRetired(): Promise<void> {
    for (const imageId of this.store.retired()) {
      if (this.deps.imageUsers(imageId).length > 0) continue;
      const image = this.store.getRetained(imageId);
      const content = this.store.contentOf(imageId);
      this.store.removeImage(imageId);
      await this.context.layers.collect(image?.chainIds ?? []);
      await this.context.layers.collectBlobs(content, 'remove');
    }
  }

  /** The image of a container: also one that has been deleted by force since. null: never known. */
  findRetained(imageId: string): Image | null {
    return this.store.getRetained(imageId);
  }

  async list(options: { all: boolean; filters: Filters; sharedSize: boolean }): Promise<ImageSummary[]> {
    return listImages(this.context, options);
  }

  inspect(ref: string, platform?: string): Image {
    const image = getImage(this.store, ref);
    requirePlatform(image, ref, platform);
    return image;
  }

  find(ref: string, platform?: string): Image | null {
    const image = findImage(this.store, ref);
    return image && platformMismatch(image, ref, platform) === null ? image : null;
  }

  graphDriver(image: Image): { name: string; data: Record<string, string> } {
    const dirs = this.deps.layers.lowerDirs(image.chainIds);
    const [upper, ...lower] = dirs;
    if (upper === undefined) return { name: GRAPH_DRIVER, data: {} };
    const parent = upper.slice(0, upper.lastIndexOf('/'));
    return {
      name: GRAPH_DRIVER,
      data: {
        ...(lower.length === 0 ? {} : { LowerDir: lower.join(':') }),
        MergedDir: `${parent}/merged`,
        UpperDir: upper,
        WorkDir: `${parent}/work`,
      },
    };
  }

  manifests(image: Image): Promise<ImageManifest[]> {
    return imageManifests(this.context, image);
  }

  forPlatform(ref: string, platform: string): Promise<Image> {
    return imageForPlatform(this.context, getImage(this.store, ref), ref, platform);
  }

  attestations(ref: string, options: AttestationOptions): Promise<AttestationStatement[]> {
    return imageAttestations(this.context, ref, options);
  }

  async history(ref: string, platform = ''): Promise<ImageHistoryRow[]> {
    return imageHistory(this.store, await this.forPlatform(ref, platform));
  }

  tag(ref: string, repo: string, tag: string): void {
    tagImage(this.context, ref, repo, tag);
  }

  async remove(
    ref: string,
    options: { force: boolean; noPrune: boolean; platforms?: string[] },
  ): Promise<ImageDeleteItem[]> {
    const variants = await variantsToRemove(this.context, ref, options.platforms ?? []);
    if (variants.length > 0) return removeVariants(this.context, ref, variants, options.force);
    return removeImage(this.context, ref, options);
  }

  async prune(filters: Filters): Promise<{ deleted: ImageDeleteItem[]; spaceReclaimedBytes: number }> {
    if (this.pruning) throw conflict('a prune operation is already running');
    this.pruning = true;
    try {
      return await pruneImages(this.context, filters);
    } finally {
      this.pruning = false;
    }
  }

  pull(options: PullOptions, progress: ProgressSink, signal: AbortSignal): Promise<void> {
    return pull(this.context, options, progress, signal);
  }

  push(options: PushOptions, progress: ProgressSink, signal: AbortSignal): Promise<void> {
    return push(this.context, options, progress, signal);
  }

  async import(
    { source, ...options }: Omit<ImportOptions, 'source'> & { source: Readable | string },
    progress: ProgressSink,
    signal: AbortSignal,
  ): Promise<string> {
    if (typeof source !== 'string') return importImage(this.context, { ...options, source }, progress, signal);
    checkImport(options);
    const message = options.message === '' ? `Imported from ${source}` : options.message;
    const archive = await openImportSource(this.context, source, progress, signal);
    return importImage(this.context, { ...options, message, source: archive }, progress, signal);
  }

  distribution(ref: string, credentials: RegistryCredentials | null, signal: AbortSignal): Promise<Distribution> {
    return inspectDistribution(this.context, ref, credentials, signal);
  }

  search(options: { term: string; limit: number; filters: Filters }, signal: AbortSignal): Promise<SearchResult[]> {
    return searchImages(this.context, options, signal);
  }

  commit(options: CommitOptions, signal: AbortSignal): Promise<Image> {
    return commitImage(this.context, options, signal);
  }

  load(
    source: Readable,
    options: { quiet: boolean; platforms: string[] },
    progress: ProgressSink,
    signal: AbortSignal,
  ): Promise<void> {
    return loadImages(this.context, source, options, progress, signal);
  }

  save(refs: string[], options: { platforms: string[] }, signal: AbortSignal): Promise<Readable> {
    return saveImages(this.context, refs, options, signal);
  }

  login(credentials: RegistryCredentials): Promise<{ status: string; identityToken: string }> {
    return login(this.context, credentials);
  }
}
