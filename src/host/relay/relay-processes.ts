import { closeSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { hasCode } from '../../shared/errors.js';
import { pidfdOpen, pidfdSendSignal } from '../sys/process.js';
import { processState } from '../process/process-state.js';

/** The name that a relay gives itself when another has its ports. */
const RETIRED_NAME = 'wharf-relay-old';
const ENDED_WITHIN_MS = 5000;
const LOOK_EVERY_MS = 10;

/** A process that is the relay of a socket, or was it. */
export interface RelayProcess {
  pid: number;
  isRetired: boolean;
}

/** How many sockets listen that were made for the relay of this path, whatever has become of the path. Source: proc_net(5). */
export function countListening(socketPath: string): number {
  const isOurs = (line: string): boolean => {
    // address, references, protocol, flags (those of a listener), type, state, inode, path
    const [, path = ''] = /^\S+ \S+ \S+ 00010000 \S+ \S+ +\d+ (.*)$/.exec(line) ?? [];
    return path.startsWith(socketPath) && /^(\.new|\.\d+)?$/.test(path.slice(socketPath.length));
  };
  return readFileSync('/proc/net/unix', 'utf8').split('\n').filter(isOurs).length;
}

/**
 * The relays of a socket by what they run, for those that can't be reached by it. One that sees another directory there than this process, in
 * a mount namespace of its own, belongs to another daemon.
 */
export function relayProcesses(socketPath: string): RelayProcess[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).flatMap((pid) => relayProcess(pid, socketPath) ?? []);
}

/** Sends a signal to a relay; one that has ended meanwhile, and whose number may have gone to another program, gets none. */
export function signalRelay(pid: number, socketPath: string, signal: NodeJS.Signals): void {
  let pidfd;
  try {
    pidfd = pidfdOpen(pid);
  } catch (error) {
    if (hasCode(error, 'ESRCH')) return;
    throw error;
  }
  try {
    if (relayProcess(pid, socketPath)) pidfdSendSignal(pidfd, signal);
  } finally {
    closeSync(pidfd);
  }
}

/** Kills these relays and waits until they have let go of their ports. */
export async function killRelays(processes: readonly RelayProcess[], socketPath: string): Promise<void> {
  for (const { pid } of processes) signalRelay(pid, socketPath, 'SIGKILL');
  const deadline = performance.now() + ENDED_WITHIN_MS;
  while (processes.some(({ pid }) => processState(pid) === 'running') && performance.now() < deadline) {
    await delay(LOOK_EVERY_MS);
  }
}

/** Whether a process runs this program, be it another copy of it. One that can't be asked counts as such. */
export function runsProgram(pid: number, program: string): boolean {
  const image = `/proc/${pid}/exe`;
  try {
    const [running, ours] = [statSync(image), statSync(program)];
    if (running.dev === ours.dev && running.ino === ours.ino) return true;
    return running.size === ours.size && readFileSync(image).equals(readFileSync(program));
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH', 'EACCES')) return true;
    throw error;
  }
}

/** null: it is none, or has ended. */
function relayProcess(pid: number, socketPath: string): RelayProcess | null {
  try {
    const [, role, option, path] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    if (role !== 'relay' || option !== '--socket' || path !== socketPath) return null;
    // Anybody may call himself so.
    if (statSync(`/proc/${pid}`).uid !== process.geteuid?.() || !seesSame(pid, dirname(path))) return null;
    return { pid, isRetired: readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === RETIRED_NAME };
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) return null;
    throw error;
  }
}

function seesSame(pid: number, directory: string): boolean {
  const [ours, its] = [statSync(directory), statSync(`/proc/${pid}/root${directory}`)];
  return ours.dev === its.dev && ours.ino === its.ino;
}
