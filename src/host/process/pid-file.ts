import { mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { hasCode } from '../../shared/errors.js';
import { processState, runsOurProgram } from './process-state.js';

/**
 * Writes this process's id to a file, which disposing removes. Throws dockerd's words when the file names another daemon
 * that runs; a number that was left behind and has gone to some other program since is no obstacle. '' : no file.
 */
export function claimPidFile(path: string): Disposable {
  if (path === '') return { [Symbol.dispose]: () => undefined };
  const other = readPid(path);
  if (other !== null && other !== process.pid && processState(other) === 'running' && runsOurProgram(other)) {
    throw new Error(`ensure wharfd is not running or delete ${path}: process with PID ${other} is still running`);
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${process.pid}`);
  return {
    [Symbol.dispose]() {
      // A daemon that started meanwhile may have taken the file over.
      if (readPid(path) === process.pid) unlinkSync(path);
    },
  };
}

function readPid(path: string): number | null {
  try {
    const pid = Number(readFileSync(path, 'utf8').trim());
    return Number.isSafeInteger(pid) && pid > 0 ? pid : null;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}
