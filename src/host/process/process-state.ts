import { readFileSync, readlinkSync } from 'node:fs';
import { hasCode } from '../../shared/errors.js';

/** `ending`: it was killed and is being taken apart, or waits for a parent that does not ask for its status. */
export type ProcessState = 'running' | 'ending' | 'gone';

export function processState(pid: number): ProcessState {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // the name before it is in brackets, and may hold anything
    return 'ZXx'.includes(stat.charAt(stat.lastIndexOf(')') + 2)) ? 'ending' : 'running';
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) return 'gone';
    throw error;
  }
}

/** Whether a process runs the same program as this one; one that can't be asked counts as such. */
export function runsOurProgram(pid: number): boolean {
  try {
    return programOf(String(pid)) === programOf('self');
  } catch (error) {
    return !hasCode(error, 'ENOENT', 'ESRCH');
  }
}

/** An upgrade may have replaced the file under a running process. */
const programOf = (pid: string): string => readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '');
