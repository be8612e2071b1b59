import { ftruncateSync, mkdirSync, readFileSync, writeSync } from 'node:fs';
import { hasCode } from '../../shared/errors.js';
import { lockFile } from '../sys/flock.js';

/**
 * Makes the data-root and holds it for this process until disposed of or dead. Throws with a sentence for the user when
 * another daemon holds it. The file holds the owner's pid, for people.
 */
export function lockDataRoot(dataRoot: string, path: string): Disposable {
  mkdirSync(dataRoot, { recursive: true, mode: 0o710 });
  let lock: ReturnType<typeof lockFile>;
  try {
    lock = lockFile(path);
  } catch (error) {
    if (!hasCode(error, 'EAGAIN')) throw error;
    const owner = readFileSync(path, 'utf8').trim();
    throw new Error(
      `the data-root ${dataRoot} is in use by another wharfd${owner === '' ? '' : ` (pid ${owner})`}: ` +
        `stop that one, or give this one a --data-root, --exec-root, --pidfile and --host of its own`,
    );
  }
  ftruncateSync(lock.fd);
  writeSync(lock.fd, `${process.pid}\n`, 0);
  return lock;
}
