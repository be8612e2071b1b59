import { parseRfc3339Ns } from '../../shared/rfc3339.js';
import type { Image, ImageHistoryRow } from './image.js';
import type { ImageStore } from './image-store.js';

/** The steps by which an image was made, newest first. Steps whose image is not here have the id `<missing>`. */
export function imageHistory(store: ImageStore, image: Image): ImageHistoryRow[] {
  const rows: ImageHistoryRow[] = [];
  let layer = 0;
  for (const entry of image.history) {
    const chainId = entry.emptyLayer ? undefined : image.chainIds[layer++];
    rows.push({
      id: '<missing>',
      createdUnixSec: unixSeconds(entry.created),
      createdBy: entry.createdBy,
      tags: [],
      sizeBytes: chainId === undefined ? 0 : (store.layer(chainId)?.sizeBytes ?? 0),
      comment: entry.comment,
    });
  }
  rows.reverse();
  let current: Image | null = image;
  for (const row of rows) {
    if (!current) break;
    row.id = current.id;
    row.tags = current.repoTags;
    current = current.parentId === '' ? null : store.get(current.parentId);
  }
  return rows;
}

export function unixSeconds(time: string): number {
  const ns = parseRfc3339Ns(time);
  return ns === null ? 0 : Number(ns / 1_000_000_000n);
}
