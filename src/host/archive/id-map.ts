/** One range of a user namespace mapping, as in /proc/PID/uid_map. */
export interface IdMapRange {
  containerId: number;
  hostId: number;
  size: number;
}

/** How owners in an archive become owners on disk. No ranges: as they are. */
export interface IdMap {
  uids: IdMapRange[];
  gids: IdMapRange[];
}

/** The host's ID for a container's; one that no range covers stays itself, as dockerd refuses those long before. */
export function toHostId(ranges: IdMapRange[] | undefined, id: number): number {
  for (const range of ranges ?? []) {
    if (id >= range.containerId && id < range.containerId + range.size) return range.hostId + id - range.containerId;
  }
  return id;
}

/** The container's ID for a host's. */
export function toContainerId(ranges: IdMapRange[] | undefined, id: number): number {
  for (const range of ranges ?? []) {
    if (id >= range.hostId && id < range.hostId + range.size) return range.containerId + id - range.hostId;
  }
  return id;
}
