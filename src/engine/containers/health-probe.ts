import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { killSession } from '../../host/process/kill-session.js';
import { commandText } from '../exec/command-text.js';
import { ExecRecord } from '../exec/exec-record.js';
import { launchExec } from '../exec/launch-exec.js';
import type { ContainerEntry } from './container-entry.js';
import { emitContainerEvent, type ContainersContext } from './containers-context.js';
import type { HealthPlan } from './health-policy.js';

const MAX_OUTPUT_BYTES = 4096;
const FRAME_HEADER_BYTES = 8;

/**
 * Runs one probe in the container as an exec of its own; one that takes too long is killed with its children and counts as failed, one
 * that is aborted is killed only.
 */
export async function runProbe(
  ctx: ContainersContext,
  entry: ContainerEntry,
  plan: HealthPlan,
  signal: AbortSignal,
): Promise<{ exitCode: number; output: string }> {
  const { oci } = ctx.deps;
  const { config, hostConfig, state } = entry.container;
  const user = oci.resolveUser(`/proc/${state.pid}/root`, config.user, hostConfig.groupAdd);
  const exec = new ExecRecord(randomBytes(32).toString('hex'), entry, probeConfig(plan), user);
  entry.probeExecId = exec.id;
  emitContainerEvent(ctx, entry, `exec_create: ${commandText(plan.argv)}`, { execID: exec.id });
  const { socket, recorded } = await launchExec(ctx, exec, { attach: true, consoleSize: null });
  const output = socket ? collectOutput(socket) : Promise.resolve('');
  let isLate = false;
  const kill = (): void => void killProbe(ctx, entry, exec);
  const timer = setTimeout(() => {
    isLate = true;
    kill();
  }, plan.timeoutMs);
  if (signal.aborted) kill();
  signal.addEventListener('abort', kill, { once: true });
  try {
    await recorded;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', kill);
  }
  const text = await output;
  if (!isLate) return { exitCode: exec.exitCode ?? -1, output: text };
  const complaint = `Health check exceeded timeout (${durationText(plan.timeoutMs)})`;
  return { exitCode: -1, output: text === '' ? complaint : `${complaint}: ${text}` };
}

/** Never throws: the container may end at the same time. */
async function killProbe(ctx: ContainersContext, entry: ContainerEntry, { pid }: ExecRecord): Promise<void> {
  try {
    await killSession(pid, () => ctx.deps.cgroups.pids(entry.container.state.pid, entry.id));
  } catch (err) {
    ctx.deps.log.debug({ err, container: entry.id, pid }, 'a health probe ended before it was killed');
  }
}

function probeConfig(plan: HealthPlan): ExecRecord['config'] {
  return {
    user: '',
    privileged: false,
    tty: false,
    consoleSize: null,
    attachStdin: false,
    attachStdout: true,
    attachStderr: true,
    detachKeys: '',
    env: [],
    workingDir: '',
    cmd: plan.argv,
  };
}

/** As Go prints a duration: `30s`, `1m30s`, `500ms`. */
function durationText(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = (ms % 60_000) / 1000;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}

/** The first 4096 bytes of both streams; what comes after is read and dropped. */
export function collectOutput(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let pending = Buffer.alloc(0);
    let text = Buffer.alloc(0);
    let tooMuch = false;
    socket.on('data', (chunk: Buffer) => {
      if (tooMuch) return;
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= FRAME_HEADER_BYTES) {
        const end = FRAME_HEADER_BYTES + pending.readUInt32BE(4);
        if (pending.length < end) break;
        text = Buffer.concat([text, pending.subarray(FRAME_HEADER_BYTES, end)]);
        pending = pending.subarray(end);
      }
      tooMuch = text.length > MAX_OUTPUT_BYTES;
    });
    const finish = (): void => {
      socket.destroy();
      const kept = text.subarray(0, MAX_OUTPUT_BYTES).toString();
      resolve(tooMuch ? `${kept}...` : kept);
    };
    socket.once('end', finish).once('close', finish).once('error', finish);
    // A socket tells its end once, and nobody listens while a short process is being started.
    if (socket.readableEnded || socket.destroyed) finish();
  });
}
