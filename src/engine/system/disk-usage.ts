import { raceAbort } from '../../shared/keyed-lock.js';
import type { ContainerService } from '../containers/container-service.js';
import type { ImageService } from '../images/image-service.js';
import type { VolumeService } from '../volumes/volume.js';
import type { DiskUsage, DiskUsageType } from './system-service.js';

export interface DiskUsageSources {
  containers: Pick<ContainerService, 'listWithSizes'>;
  images: Pick<ImageService, 'list'>;
  volumes: Pick<VolumeService, 'usage'>;
  /** Unpacked size of all layers, each counted once. */
  layersSizeBytes: () => number;
}

const ALL_CONTAINERS = { all: true, limit: 0, filters: new Map(), since: '', before: '' };

const EMPTY: DiskUsage = { layersSizeBytes: 0, images: [], containers: [], volumes: [] };

/** Measures what everything takes. Those who ask for a type while it is being measured share the answer. */
export class DiskUsageReader {
  private readonly running = new Map<DiskUsageType, Promise<Partial<DiskUsage>>>();

  constructor(private readonly sources: DiskUsageSources) {}

  /** Aborting leaves the measuring to the others who wait for it. */
  async read(types: ReadonlySet<DiskUsageType>, signal: AbortSignal): Promise<DiskUsage> {
    const parts = await Promise.all([...types].map((type) => raceAbort(this.shared(type), signal)));
    return Object.assign({ ...EMPTY }, ...parts) as DiskUsage;
  }

  private shared(type: DiskUsageType): Promise<Partial<DiskUsage>> {
    const found = this.running.get(type);
    if (found) return found;
    const measuring = this.measure(type).finally(() => this.running.delete(type));
    this.running.set(type, measuring);
    return measuring;
  }

  private async measure(type: DiskUsageType): Promise<Partial<DiskUsage>> {
    switch (type) {
      case 'image':
        return { images: await this.images(), layersSizeBytes: this.sources.layersSizeBytes() };
      case 'container':
        return { containers: await this.sources.containers.listWithSizes(ALL_CONTAINERS) };
      case 'volume':
        return { volumes: await this.sources.volumes.usage() };
      case 'build-cache':
        return {};
    }
  }

  private async images(): Promise<DiskUsage['images']> {
    const all = await this.sources.images.list({ all: true, filters: new Map(), sharedSize: true });
    return all.map(({ image, sharedSizeBytes, containers }) => ({ image, sharedSizeBytes, containers }));
  }
}
