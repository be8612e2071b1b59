import type { ApiVersion } from './api-version.js';
import { apiVersion, compareVersions, isServed, MAX_API_VERSION } from './api-version.js';
import type { RouteDefinition } from './route.js';

/** Where a request's path leads. `version` may lie outside what is served; the caller answers that. */
export interface ResolvedPath {
  readonly route: RouteDefinition;
  readonly params: Readonly<Record<string, string>>;
  readonly version: ApiVersion;
  /** As the client wrote it (`1.99`), or null without a prefix. */
  readonly versionText: string | null;
  /** What stands behind the question mark, as it came; '' without one. */
  readonly search: string;
}

type FoundRoute = Pick<ResolvedPath, 'route' | 'params'>;

interface Pattern {
  readonly route: RouteDefinition;
  readonly since: ApiVersion;
  readonly until: ApiVersion;
  readonly regex: RegExp;
  readonly names: readonly string[];
}

const PREFIX = /^\/v([0-9.]+)(?=\/)/;

/**
 * Finds routes by method and path. Parameters match greedily and across slashes, since image names and container names
 * contain some; paths without parameters are tried first.
 */
export class PathResolver {
  private readonly fixed = new Map<string, Pattern[]>();
  /** By method and first segment, in the order of the table. */
  private readonly patterns = new Map<string, Pattern[]>();

  constructor(routes: readonly RouteDefinition[]) {
    for (const route of routes) {
      const pattern = compile(route);
      const [map, key] = pattern.names.length
        ? [this.patterns, groupKey(route.method, route.path)]
        : [this.fixed, `${route.method} ${route.path}`];
      const known = map.get(key);
      if (known) known.push(pattern);
      else map.set(key, [pattern]);
    }
  }

  /** null: no such path, method, or not in that version. `url` may carry a query. */
  resolve(method: string, url: string): ResolvedPath | null {
    const queryAt = url.indexOf('?');
    let path = queryAt < 0 ? url : url.slice(0, queryAt);
    if (path.includes('%')) {
      try {
        path = decodeURIComponent(path);
      } catch {
        return null; // not a path that any client meant
      }
    }
    const prefix = PREFIX.exec(path);
    const versionText = prefix?.[1] ?? null;
    if (prefix) path = path.slice(prefix[0].length);
    const version = versionText === null ? MAX_API_VERSION : parseClientVersion(versionText);
    const found = version && this.match(method, path, version);
    if (!found) return null;
    const search = queryAt < 0 ? '' : url.slice(queryAt + 1);
    return { route: found.route, params: found.params, version, versionText, search };
  }

  private match(method: string, path: string, version: ApiVersion): FoundRoute | null {
    // A version that is not served at all still finds its route, to be told so.
    const served = isServed(version);
    const inRange = ({ since, until }: Pattern): boolean =>
      !served || (compareVersions(version, since) >= 0 && compareVersions(version, until) <= 0);
    const fixed = this.fixed.get(`${method} ${path}`)?.find(inRange);
    if (fixed) return { route: fixed.route, params: {} };
    for (const pattern of this.patterns.get(groupKey(method, path)) ?? []) {
      const match = pattern.regex.exec(path);
      if (!match || !inRange(pattern)) continue;
      const params = Object.fromEntries(pattern.names.map((name, index) => [name, match[index + 1] ?? '']));
      return { route: pattern.route, params };
    }
    return null;
  }
}

function compile(route: RouteDefinition): Pattern {
  const names: string[] = [];
  const source = route.path.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{(\w+)\}/g, (_, name: string) => {
    names.push(name);
    return '(.*)';
  });
  return {
    route,
    since: apiVersion(route.since),
    until: route.until ? apiVersion(route.until) : MAX_API_VERSION,
    regex: new RegExp(`^${source}$`, 's'),
    names,
  };
}

function groupKey(method: string, path: string): string {
  const end = path.indexOf('/', 1);
  return `${method} ${end < 0 ? path : path.slice(0, end)}`;
}

function parseClientVersion(text: string): ApiVersion | null {
  const match = /^(\d{1,6})(?:\.(\d{1,6}))?(?:\.\d+)*$/.exec(text);
  return match ? [Number(match[1]), Number(match[2] ?? 0)] : null;
}
