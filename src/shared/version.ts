import { readFileSync } from 'node:fs';
import { hasCode } from './errors.js';

/** Our own version; package.json says the same (a test compares them). */
export const WHARFD_VERSION = '0.1.0';
/** The dockerd whose behaviour clients may expect, for those that parse the version. */
export const COMPAT_VERSION = '29.1.0';
/** What `Version` and `ServerVersion` show: dockerd-like semver with our own version as build metadata. */
export const ENGINE_VERSION = `${COMPAT_VERSION}+wharfd.${WHARFD_VERSION}`;

/** When and from what the program was built; the build writes it, so sources run without a build don't know it. */
export interface BuildInfo {
  /** Abbreviated; `HEAD` when unknown. */
  gitCommit: string;
  /** RFC 3339; '' when unknown. */
  buildTime: string;
}

let known: BuildInfo | undefined;

export function buildInfo(): BuildInfo {
  return (known ??= readBuildInfo());
}

function readBuildInfo(): BuildInfo {
  try {
    return JSON.parse(readFileSync(new URL('./build.json', import.meta.url), 'utf8')) as BuildInfo;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return { gitCommit: 'HEAD', buildTime: '' };
    throw error;
  }
}
