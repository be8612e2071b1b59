import type { VersionGate } from './version-gate.js';

/** Source: Engine API changelog. */
export const CONTAINER_LIST_RESPONSE: readonly VersionGate[] = [
  { path: '[].HostConfig.Annotations', since: '1.46' },
  { path: '[].ImageManifestDescriptor', since: '1.48' },
  { path: '[].Health', since: '1.52' },
];
