import { WharfError } from '../../shared/errors.js';
import { displayName } from './binary-name.js';

/** What Go's archive/tar says about any malformed header; clients see these words. */
export const INVALID_HEADER = 'archive/tar: invalid tar header';
export const UNEXPECTED_EOF = 'unexpected EOF';

/**
 * A fault of an archive, or of writing it out. dockerd answers 500 to all of them, so the kind is `internal`.
 * `code` is the errno name behind it (`ENOSPC`), or null for faults of the archive itself.
 */
export class ArchiveError extends WharfError {
  constructor(
    message: string,
    readonly code: string | null = null,
    cause?: unknown,
  ) {
    super('internal', message, cause === undefined ? undefined : { cause });
  }
}

/** Go's wording of the errno values that archives run into; clients know these words, not Node's. */
const GO_TEXTS: Record<string, string> = {
  EACCES: 'permission denied',
  EBUSY: 'device or resource busy',
  EDQUOT: 'disk quota exceeded',
  EEXIST: 'file exists',
  EINVAL: 'invalid argument',
  EIO: 'input/output error',
  EISDIR: 'is a directory',
  ELOOP: 'too many levels of symbolic links',
  EMFILE: 'too many open files',
  EMLINK: 'too many links',
  ENAMETOOLONG: 'file name too long',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  EOPNOTSUPP: 'operation not supported',
  ENOTSUP: 'operation not supported',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
  EXDEV: 'invalid cross-device link',
};

/** The errno name of a system error; null for anything else. */
export function errnoOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

/** Words a failed system call as Go does: `openat d/f: not a directory`. Other values pass through unchanged. */
export function systemFault(operation: string, name: string, error: unknown): unknown {
  const code = errnoOf(error);
  if (error instanceof WharfError || code === null || !/^E[A-Z0-9]+$/.test(code)) return error;
  const text = GO_TEXTS[code] ?? (error as Error).message;
  return new ArchiveError(`${operation} ${displayName(name)}: ${text}`, code, error);
}

/** Runs a system call and words its failure with `systemFault`. */
export function attempt<T>(operation: string, name: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw systemFault(operation, name, error);
  }
}
