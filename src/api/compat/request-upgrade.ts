import { compareVersions, type ApiVersion, apiVersion } from '../http/api-version.js';

type VersionText = `${number}.${number}`;

/**
 * What a request of some API versions means to the engine, which knows only the newest: an entry applies to versions
 * from `from` up to but not including `below`; without a bound, to all on that side. `change` edits the decoded body,
 * throws what dockerd answers, or adds to `warnings`.
 */
export interface RequestUpgrade<T> {
  readonly from?: VersionText;
  readonly below?: VersionText;
  readonly change: (body: T, warnings: string[]) => void;
}

/** Applies, in order, the entries that concern the version. Returns the warnings for the client. */
export function upgradeRequest<T>(body: T, version: ApiVersion, upgrades: readonly RequestUpgrade<T>[]): string[] {
  const warnings: string[] = [];
  for (const { from, below, change } of upgrades) {
    if (from && compareVersions(version, apiVersion(from)) < 0) continue;
    if (below && compareVersions(version, apiVersion(below)) >= 0) continue;
    change(body, warnings);
  }
  return warnings;
}
