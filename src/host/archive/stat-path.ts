import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { posix } from 'node:path';
import { readlinkat } from '../sys/at.js';
import { O_PATH, openat2, RESOLVE } from '../sys/openat2.js';
import { ArchiveError, attempt, errnoOf, systemFault } from './archive-error.js';
import { goFileMode, rfc3339Nano } from './go-file-mode.js';

/** What Docker tells about a path in a container (X-Docker-Container-Path-Stat). */
export interface PathStat {
  /** Last component as the client gave it; `/` and `.` stay. */
  name: string;
  sizeBytes: number;
  /** Go's fs.FileMode bits. */
  mode: number;
  /** RFC 3339 with nanoseconds. */
  mtime: string;
  /** Where a symbolic link leads, as an absolute path in the root; else ``. */
  linkTarget: string;
  isDirectory: boolean;
}

/** A path split as Docker reads it: `/x/` and `/x/.` mean the directory behind a link, `/x` the link itself. */
export interface RequestedPath {
  /** Clean and relative to the root, `` for the root. */
  relative: string;
  mustBeDirectory: boolean;
  /** Name in archives and replies. */
  name: string;
}

/** Reads a client's path; relative ones count from `/`, and `..` ends at the root. */
export function requestedPath(path: string): RequestedPath {
  const clean = posix.resolve('/', path);
  const isDot = /(^|\/)\.$/.test(path);
  const name = isDot ? '.' : clean === '/' ? '/' : posix.basename(clean);
  return { relative: clean.slice(1), mustBeDirectory: isDot || path.endsWith('/'), name };
}

/**
 * Looks at a path inside a root; links on the way are resolved in the root, the last component is not followed unless the path ends in `/` or `/.`.
 * null when there is no such path. Throws ArchiveError `lstat /x/: not a directory` when a file is taken for a directory.
 */
export function statPath(root: string, path: string): PathStat | null {
  const requested = requestedPath(path);
  const rootFd = attempt('open', root, () => openSync(root, O_PATH | constants.O_DIRECTORY));
  try {
    const fd = openRequested(rootFd, requested, path);
    if (fd === null) return null;
    try {
      return describe(fd, rootFd, requested);
    } finally {
      closeSync(fd);
    }
  } finally {
    closeSync(rootFd);
  }
}

/** The path with all links resolved in the root, also the last one; beyond what exists the names are taken as they are. */
export function resolvedPath(root: string, path: string): string {
  const rootFd = attempt('open', root, () => openSync(root, O_PATH | constants.O_DIRECTORY));
  try {
    return followLinks(rootFd, requestedPath(path).relative);
  } finally {
    closeSync(rootFd);
  }
}

function openRequested(rootFd: number, requested: RequestedPath, path: string): number | null {
  const target = requested.relative === '' ? '.' : requested.relative;
  const flags = requested.mustBeDirectory ? O_PATH : O_PATH | constants.O_NOFOLLOW;
  try {
    const fd = openat2(rootFd, target, { flags, resolve: RESOLVE.IN_ROOT });
    if (!requested.mustBeDirectory || fstatSync(fd).isDirectory()) return fd;
    closeSync(fd);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw systemFault('lstat', path, error);
  }
  throw new ArchiveError(`lstat ${path}: not a directory`, 'ENOTDIR');
}

function describe(fd: number, rootFd: number, requested: RequestedPath): PathStat {
  const stat = fstatSync(fd, { bigint: true });
  return {
    name: requested.name,
    sizeBytes: Number(stat.size),
    mode: goFileMode(stat),
    mtime: rfc3339Nano(stat.mtimeNs),
    linkTarget: stat.isSymbolicLink() ? followLinks(rootFd, requested.relative) : '',
    isDirectory: stat.isDirectory(),
  };
}

/** Links a path may go through before it counts as a loop; the kernel's own limit is 40. */
const MAX_LINKS = 40;

function followLinks(rootFd: number, relative: string): string {
  const pending = relative.split('/');
  let resolved: string[] = [];
  let links = 0;
  for (let name = pending.shift(); name !== undefined; name = pending.shift()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      resolved.pop();
      continue;
    }
    const target = links < MAX_LINKS ? readLink(rootFd, [...resolved, name].join('/')) : null;
    if (target === null) {
      resolved.push(name);
      continue;
    }
    links++;
    if (target.startsWith('/')) resolved = [];
    pending.unshift(...target.split('/'));
  }
  return `/${resolved.join('/')}`;
}

/** What a link says; null for anything else. */
function readLink(rootFd: number, relative: string): string | null {
  try {
    const fd = openat2(rootFd, relative, { flags: O_PATH | constants.O_NOFOLLOW, resolve: RESOLVE.IN_ROOT });
    try {
      return fstatSync(fd).isSymbolicLink() ? readlinkat(fd, '').toString() : null;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (errnoOf(error) !== null) return null;
    throw error;
  }
}
