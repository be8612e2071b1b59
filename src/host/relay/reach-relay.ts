import { setTimeout as delay } from 'node:timers/promises';
import { errorKind, hasCode, internal } from '../../shared/errors.js';
import type { Logger } from '../../shared/logger.js';
import { processState } from '../process/process-state.js';
import { runBriefly } from '../sys/spawn.js';
import { RelayConnection } from './relay-connection.js';
import { countListening, killRelays, relayProcesses, runsProgram, signalRelay } from './relay-processes.js';

export interface RelayPlace {
  /** wharf-shim, which is the relay too. */
  binary: string;
  socketPath: string;
  /** What the relay complains of. */
  logPath: string;
  log: Logger;
}

const VERSION = 2;
/** Since then relays can follow each other, of whatever version. */
const VERSION_THAT_RETIRES = 2;
const BACK_WITHIN_MS = 3000;
const LOOK_EVERY_MS = 10;

/**
 * Connects to the relay that is there; null: there is none. Its socket may have been removed: then it is asked to listen again. One of another
 * version or program gives its ports to one of ours, and retires: those who use them go on to. What neither answers nor can do so is ended.
 */
export async function reachRelay(place: RelayPlace): Promise<RelayConnection | null> {
  const connection = (await dial(place.socketPath)) ?? (await recall(place.socketPath));
  if (!connection) return null;
  let version, pid;
  try {
    ({ version, pid } = await connection.hello());
  } catch (error) {
    if (errorKind(error) !== 'unavailable' || !connection.isSilent) throw error;
    place.log.error('the relay of published ports does not answer; it is ended');
    await endMain(place.socketPath);
    return null;
  }
  if (version === VERSION && runsProgram(pid, place.binary)) return connection;
  return replace(place, connection, version);
}

/** Starts one where there is none, or one that takes over the ports of that which is there. */
export async function launchRelay(place: RelayPlace, follows = false): Promise<RelayConnection> {
  const { binary, socketPath, logPath } = place;
  const from = follows ? ['--from', socketPath] : [];
  const { exitCode, stderr } = await runBriefly(binary, ['relay', '--socket', socketPath, '--log', logPath, ...from]);
  if (exitCode !== 0) throw internal(stderr.trim() || `the relay of published ports ended with ${exitCode}`);
  return RelayConnection.connect(socketPath);
}

async function dial(socketPath: string): Promise<RelayConnection | null> {
  try {
    return await RelayConnection.connect(socketPath);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ECONNREFUSED')) return null;
    throw error;
  }
}

/** One that can't be reached; where it does not come back it is ended, since it has the ports. */
async function recall(socketPath: string): Promise<RelayConnection | null> {
  if (countListening(socketPath) === 0) return null;
  const lost = relayProcesses(socketPath).filter(({ isRetired }) => !isRetired);
  for (const { pid } of lost) signalRelay(pid, socketPath, 'SIGUSR1');
  const isAnyAlive = (): boolean => lost.some(({ pid }) => processState(pid) === 'running');
  for (const deadline = performance.now() + BACK_WITHIN_MS; isAnyAlive() && performance.now() < deadline;) {
    const connection = await dial(socketPath);
    if (connection) return connection;
    await delay(LOOK_EVERY_MS);
  }
  await endMain(socketPath);
  return null;
}

async function endMain(socketPath: string): Promise<void> {
  await killRelays(
    relayProcesses(socketPath).filter(({ isRetired }) => !isRetired),
    socketPath,
  );
}

async function replace(place: RelayPlace, former: RelayConnection, version: number): Promise<RelayConnection | null> {
  if (version < VERSION_THAT_RETIRES) {
    await former.quit();
    return null;
  }
  former.close();
  try {
    const connection = await launchRelay(place, true);
    place.log.info('another version of the relay has the published ports; the former ends with its last connection');
    return connection;
  } catch (err) {
    place.log.error({ err }, 'the relay of published ports could not be replaced by the one of this version');
    const again = await dial(place.socketPath);
    if (version === VERSION) return again;
    await again?.quit();
    return null;
  }
}
