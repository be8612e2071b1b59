import { ftruncateSync, mkdirSync, readFileSync, writeSync } from 'node:fs';
import { hasCode } from '../../shared/errors.js';
import { lockFile } from '../sys/flock.js';
import { processState } from './process-state.js';

/** How long a daemon that was killed may take until it has let go of its files. */
const ENDING_MS = 10_000;
const LOOK_MS = 10;

/**
 * Makes the data-root and holds it for this process until disposed of or dead. Throws with a sentence for the user when
 * another daemon holds it; one that was killed a moment ago is waited for. The file holds the owner's pid.
 */
export function lockDataRoot(dataRoot: string, path: string): Disposable {
  mkdirSync(dataRoot, { recursive: true, mode: 0o710 });
  const lock = lockWhenFree(path);
  if (!lock) {
    const owner = readOwner(path);
    throw new Error(
      `the data-root ${dataRoot} is in use by another wharfd${owner === '' ? '' : ` (pid ${owner})`}: ` +
        `stop that one, or give this one a --data-root, --exec-root, --pidfile and --host of its own`,
    );
  }
  ftruncateSync(lock.fd);
  writeSync(lock.fd, `${process.pid}\n`, 0);
  return lock;
}

/** null: somebody holds it, and will go on to. */
function lockWhenFree(path: string): ReturnType<typeof lockFile> | null {
  for (const deadline = Date.now() + ENDING_MS; ;) {
    try {
      return lockFile(path);
    } catch (error) {
      if (!hasCode(error, 'EAGAIN')) throw error;
    }
    const owner = Number(readOwner(path));
    if (!(owner > 0) || processState(owner) !== 'ending' || Date.now() > deadline) return null;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_MS);
  }
}

const readOwner = (path: string): string => readFileSync(path, 'utf8').trim();
