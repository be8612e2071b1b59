import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { hasCode } from '../../shared/errors.js';

/** How often is looked again for those that were forked while their parents were being killed. */
const ROUNDS = 20;
const PAUSE_MS = 10;

interface ProcessFacts {
  pid: number;
  state: string;
  parent: number;
  session: number;
}

/**
 * Kills a session's leader, everybody in its session, and all their descendants, among the processes that `candidates` gives. Resolves
 * when none is left, or after a fifth of a second: a process that hangs in the kernel goes later.
 */
export async function killSession(leader: number, candidates: () => Promise<readonly number[]>): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const left = sessionMembers(leader, (await candidates()).flatMap(readFacts));
    if (left.length === 0) return;
    for (const pid of left) kill(pid);
    await delay(PAUSE_MS);
  }
}

/** Pids of the session's members and their descendants that are not dead already. */
export function sessionMembers(leader: number, processes: readonly ProcessFacts[]): number[] {
  const members = new Set([leader]);
  for (const { pid, session } of processes) if (session === leader) members.add(pid);
  for (let before = 0; before < members.size;) {
    before = members.size;
    for (const { pid, parent } of processes) if (members.has(parent)) members.add(pid);
  }
  return processes.filter(({ pid, state }) => members.has(pid) && !'ZX'.includes(state)).map(({ pid }) => pid);
}

/** None for a process that is gone. Source: proc_pid_stat(5). */
function readFacts(pid: number): ProcessFacts[] {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) return [];
    throw error;
  }
  // The name stands in parentheses and may contain anything.
  const [state = '', parent, , session] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return [{ pid, state, parent: Number(parent), session: Number(session) }];
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}
