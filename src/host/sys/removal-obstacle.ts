import { type Dirent, readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { hasCode } from '../../shared/errors.js';
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  cPath,
  optionalLibcFunction,
  systemError,
  type SysPath,
  type SystemError,
} from './libc.js';

const statxCall = optionalLibcFunction<
  (directory: number, path: SysPath, flags: number, mask: number, result: Buffer) => number
>('statx', 'int', ['int', 'const char *', 'int', 'uint', 'void *']);

const STATX_TYPE = 1;
/** Of struct statx, linux/stat.h. */
const STATX_BYTES = 256;
const ATTRIBUTES_OFFSET = 8;
const IMMUTABLE = 0x10n;
const APPEND_ONLY = 0x20n;
const MOUNT_ROOT = 0x2000n;

const result = Buffer.alloc(STATX_BYTES);

/**
 * Why a tree (which may be missing) can't be removed, as the call that removed it would tell: something is mounted in it, or is marked as
 * not to be changed. null: nothing is known against it. For small trees; enters no mount. Musl before 1.2.5 can't tell.
 */
export function removalObstacle(path: string, isDirectory = true): SystemError | null {
  if (!statxCall) return null;
  const attributes = attributesOf(statxCall, path);
  const call = isDirectory ? 'rmdir' : 'unlink';
  if (attributes & MOUNT_ROOT) return systemError(constants.errno.EBUSY, call, path);
  if (attributes & (IMMUTABLE | APPEND_ONLY)) return systemError(constants.errno.EPERM, call, path);
  if (!isDirectory) return null;
  for (const entry of entriesOf(path)) {
    const below = removalObstacle(join(path, entry.name), entry.isDirectory());
    if (below) return below;
  }
  return null;
}

function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/** None for what has gone meanwhile. */
function attributesOf(statx: NonNullable<typeof statxCall>, path: string): bigint {
  const failed = statx(AT_FDCWD, cPath(path, 'statx'), AT_SYMLINK_NOFOLLOW, STATX_TYPE, result) !== 0;
  return failed ? 0n : result.readBigUInt64LE(ATTRIBUTES_OFFSET);
}
