import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiClient } from '../support/api-client.js';
import type { Row } from './rows.js';
import type { Target } from './target.js';

/** The program behind the socket, once more: in namespaces of its own within the first one's mounts, on an empty data-root in memory. */
const SCRIPT = `
  ip link set lo up
  mount -t tmpfs tmpfs /run
  echo ready
  exec "$@" --host unix:///run/bench.sock --data-root /run/bench-data --exec-root /run/bench --pidfile /run/bench.pid \\
    --log-level error >/dev/null 2>&1`;
const PATIENCE_MS = 60_000;

async function startAgain(target: Target): Promise<number> {
  const unshare = ['unshare', '--net', '--mount', '--propagation', 'private', 'sh', '-ec', SCRIPT, 'sh'];
  const daemon = spawn('nsenter', ['--target', target.daemonPid(), '--mount', ...unshare, ...target.program()], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(daemon, 'exit');
  try {
    await Promise.race([once(daemon.stdout, 'data'), ended]);
    const begun = performance.now();
    await firstPing(daemon, target.name);
    return performance.now() - begun;
  } finally {
    daemon.kill();
    await ended;
  }
}

async function firstPing(daemon: ChildProcess, name: string): Promise<void> {
  const socket = `/proc/${daemon.pid}/root/run/bench.sock`;
  const api = new ApiClient(socket);
  const deadline = performance.now() + PATIENCE_MS;
  const answers = async (): Promise<boolean> =>
    existsSync(socket) &&
    api.get('/_ping').then(
      ({ status }) => status === 200,
      () => false,
    );
  while (!(await answers())) {
    if (daemon.exitCode !== null) throw new Error(`${name}: a second daemon ended with ${daemon.exitCode}`);
    if (performance.now() > deadline) throw new Error(`${name}: a second daemon does not answer`);
    await delay(2);
  }
}

/** From the program's exec to the first answer. */
export const startRow: Row = {
  name: 'daemon start to the first answer to /_ping, empty data-root',
  budget: 1.5,
  limit: 500,
  unit: 'ms',
  rounds: 7,
  measure: startAgain,
};
