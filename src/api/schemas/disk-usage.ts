import type { DiskUsage, DiskUsageType } from '../../engine/system/system-service.js';
import { fromContainerSummary } from './container-summary.js';
import { fromImageSummary, type WireImageSummary } from './image-summary.js';
import { fromVolume } from './volume.js';

/** What each kind of object is in the answer: the old list, and the usage object of 1.52. */
export function fromDiskUsage(usage: DiskUsage, types: ReadonlySet<DiskUsageType>, isVerbose: boolean) {
  const images = usage.images.map(({ image, sharedSizeBytes, containers }) =>
    fromImageSummary({ image, sharedSizeBytes, containers }),
  );
  const containers = usage.containers.map(fromContainerSummary);
  const volumes = usage.volumes.map(({ volume, sizeBytes, refCount }) => ({
    ...fromVolume(volume),
    UsageData: { Size: sizeBytes, RefCount: refCount },
  }));
  return {
    legacy: {
      LayersSize: types.has('image') ? usage.layersSizeBytes : undefined,
      // Of these lists dockerd says null for none, here and only here.
      Images: types.has('image') ? images.map(withoutEmptyLists) : undefined,
      Containers: types.has('container') ? containers : undefined,
      Volumes: types.has('volume') ? volumes : undefined,
      BuildCache: types.has('build-cache') ? [] : undefined,
    },
    current: {
      ImageUsage: types.has('image') ? { ...imageTotals(usage), Items: isVerbose ? images : undefined } : undefined,
      ContainerUsage: types.has('container')
        ? { ...containerTotals(usage), Items: isVerbose ? containers : undefined }
        : undefined,
      VolumeUsage: types.has('volume') ? { ...volumeTotals(usage), Items: isVerbose ? volumes : undefined } : undefined,
      BuildCacheUsage: types.has('build-cache')
        ? { ActiveCount: 0, TotalCount: 0, Reclaimable: 0, TotalSize: 0, Items: isVerbose ? [] : undefined }
        : undefined,
    },
  };
}

function withoutEmptyLists(image: WireImageSummary) {
  const { RepoTags, RepoDigests } = image;
  return {
    ...image,
    RepoTags: RepoTags.length > 0 ? RepoTags : null,
    RepoDigests: RepoDigests.length > 0 ? RepoDigests : null,
  };
}

function imageTotals({ images, layersSizeBytes }: DiskUsage) {
  const used = images.filter(({ containers }) => containers > 0);
  const usedBytes = sum(used.map(({ image, sharedSizeBytes }) => image.sizeBytes - Math.max(0, sharedSizeBytes)));
  return totals(used.length, images.length, layersSizeBytes, layersSizeBytes - usedBytes);
}

function containerTotals({ containers }: DiskUsage) {
  const active = containers.filter(({ container }) => container.state.running);
  const bytes = (rows: DiskUsage['containers']): number => sum(rows.map(({ size }) => size?.rwBytes ?? 0));
  return totals(active.length, containers.length, bytes(containers), bytes(containers) - bytes(active));
}

function volumeTotals({ volumes }: DiskUsage) {
  const active = volumes.filter(({ refCount }) => refCount > 0);
  const bytes = (rows: DiskUsage['volumes']): number => sum(rows.map(({ sizeBytes }) => Math.max(0, sizeBytes)));
  return totals(active.length, volumes.length, bytes(volumes), bytes(volumes) - bytes(active));
}

function totals(active: number, total: number, sizeBytes: number, reclaimableBytes: number) {
  return {
    ActiveCount: active,
    TotalCount: total,
    TotalSize: sizeBytes,
    Reclaimable: Math.max(0, reclaimableBytes),
  };
}

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
