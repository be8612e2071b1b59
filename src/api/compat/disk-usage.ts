import type { VersionGate } from './version-gate.js';

/** Rows have what those of the lists of containers and images have. */
export const DISK_USAGE_RESPONSE: readonly VersionGate[] = [
  { path: 'Containers.[].HostConfig.Annotations', since: '1.46' },
  { path: 'Containers.[].ImageManifestDescriptor', since: '1.48' },
  { path: 'Containers.[].Health', since: '1.52' },
  { path: 'Images.[].VirtualSize', until: '1.43' },
  { path: 'ImageUsage.Items.[].VirtualSize', until: '1.43' },
  { path: 'Images.[].Descriptor', since: '1.48' },
];
