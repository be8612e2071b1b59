import { formatVersion, MAX_API_VERSION } from './api-version.js';
import type { ServerFacts } from './route.js';

/** The headers that every answer has, before its own. */
export function commonHeaders({ experimental, version }: ServerFacts): readonly (readonly [string, string])[] {
  return [
    ['Api-Version', formatVersion(MAX_API_VERSION)],
    ['Docker-Experimental', String(experimental)],
    ['Ostype', 'linux'],
    ['Server', `Docker/${version} (linux)`],
  ];
}
