/** An Engine API version as [major, minor]. */
export type ApiVersion = readonly [number, number];

/** Oldest and newest API version that is served. */
export const MIN_API_VERSION: ApiVersion = [1, 24];
export const MAX_API_VERSION: ApiVersion = [1, 55];

/** Parses `1.43`. Throws RangeError on anything else: it is for versions written in the source. */
export function apiVersion(text: string): ApiVersion {
  const match = /^(\d+)\.(\d+)$/.exec(text);
  if (!match) throw new RangeError(`not an API version: ${text}`);
  return [Number(match[1]), Number(match[2])];
}

/** Negative when `a` is older than `b`, 0 when equal, positive when newer. */
export function compareVersions(a: ApiVersion, b: ApiVersion): number {
  return a[0] - b[0] || a[1] - b[1];
}

/** Whether clients of that version are served. */
export function isServed(version: ApiVersion): boolean {
  return compareVersions(version, MIN_API_VERSION) >= 0 && compareVersions(version, MAX_API_VERSION) <= 0;
}

/** Whether `version` is the given one (`1.44`) or newer. */
export function atLeast(version: ApiVersion, minimum: `${number}.${number}`): boolean {
  return compareVersions(version, apiVersion(minimum)) >= 0;
}

export function formatVersion(version: ApiVersion): string {
  return `${version[0]}.${version[1]}`;
}
