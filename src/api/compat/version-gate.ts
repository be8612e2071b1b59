import type { ApiVersion } from '../http/api-version.js';

/**
 * A difference between API versions as data. The serialiser always makes every field, new and legacy; gates remove what
 * the client's version does not have.
 *
 *     { path: 'Runtimes.*.status', since: '1.44' }     a field that came with 1.44
 *     { path: 'VirtualSize', until: '1.43' }           a field that was last sent in 1.43
 *     { path: '[].Containers', below: '1.51', set: -1 } another value for older clients
 *     { below: '1.52', change: (body) => { … } }       what no path can say; `since` for newer clients
 *
 * Paths: keys joined by dots; `*` is every value of a map, `[]` every item of a list.
 */
export type VersionGate =
  | { readonly path: string; readonly since: VersionText; readonly until?: VersionText }
  | { readonly path: string; readonly until: VersionText }
  | { readonly path: string; readonly below: VersionText; readonly set: unknown }
  | { readonly below: VersionText; readonly change: (body: never, version: ApiVersion) => void }
  | { readonly since: VersionText; readonly change: (body: never, version: ApiVersion) => void };

type VersionText = `${number}.${number}`;
