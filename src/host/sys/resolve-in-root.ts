import { closeSync, constants, openSync, readlinkSync } from 'node:fs';
import { hasCode } from '../../shared/errors.js';
import { O_PATH, openat2, RESOLVE } from './openat2.js';

/**
 * The path on the host of something inside a root file system, all links resolved as a process chrooted there would see them; null
 * when there is no such thing. The answer holds as long as nobody changes the tree.
 */
export function resolveInRoot(root: string, path: string): string | null {
  const rootFd = openSync(root, constants.O_DIRECTORY | O_PATH);
  try {
    const fd = openat2(rootFd, path.replace(/^\/+/, '') || '.', { flags: O_PATH, resolve: RESOLVE.IN_ROOT });
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  } finally {
    closeSync(rootFd);
  }
}
