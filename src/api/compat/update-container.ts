import type { VersionGate } from './version-gate.js';

/** What of an update request is ignored in some versions. Source: Engine API changelog. */
export const UPDATE_CONTAINER_REQUEST: readonly VersionGate[] = [
  { path: 'PidsLimit', since: '1.40' },
  { path: 'KernelMemory', until: '1.41' },
  { path: 'KernelMemoryTCP', since: '1.40', until: '1.51' },
  { path: 'BlkioWeightDevice', since: '1.55' },
  { path: 'BlkioDeviceReadBps', since: '1.55' },
  { path: 'BlkioDeviceWriteBps', since: '1.55' },
  { path: 'BlkioDeviceReadIOps', since: '1.55' },
  { path: 'BlkioDeviceWriteIOps', since: '1.55' },
];
