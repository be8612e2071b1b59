import { closeSync, constants, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { O_PATH } from '../../sys/openat2.js';
import { attempt } from '../archive-error.js';
import { binaryName } from '../binary-name.js';
import { removeTree } from '../root-directory.js';

/** Removes a tree, following no link and entering no mount; missing is fine. It is one synchronous stretch: it can't be aborted. */
export function removeTreeJob({ path }: { path: string }): Promise<null> {
  const parent = dirname(path);
  const fd = attempt('open', parent, () => openSync(parent, O_PATH | constants.O_DIRECTORY));
  try {
    removeTree(fd, binaryName(basename(path)), path);
  } finally {
    closeSync(fd);
  }
  return Promise.resolve(null);
}
