import { chmodSync, chownSync, readdirSync, statSync } from 'node:fs';
import { extractIntoRoot } from './extract-into-root.js';
import { packDirectory } from './pack-directory.js';

/**
 * Copies what is in a directory into another one, with owners, modes, times, links and file capabilities, and gives the other one the
 * first one's owner and mode.
 */
export async function copyTree(from: string, to: string): Promise<void> {
  if (readdirSync(from).length > 0) await extractIntoRoot(to, '/', packDirectory(from));
  const { uid, gid, mode } = statSync(from);
  chownSync(to, uid, gid);
  chmodSync(to, mode & 0o7777);
}
