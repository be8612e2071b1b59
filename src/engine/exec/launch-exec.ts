import { commandText } from './command-text.js';
import { writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { specJson } from '../../host/oci/rlimits.js';
import { execProcessInput } from './exec-process-input.js';
import type { ExecRecord } from './exec-record.js';
import { planExec } from './plan-exec.js';
import { hasCode } from '../../shared/errors.js';
import { containerFiles, execFiles } from '../containers/container-paths.js';
import { emitContainerEvent, type ContainersContext } from '../containers/containers-context.js';
import type { RunningShim } from '../containers/shim-port.js';
import { shimSetup } from '../containers/shim-setup.js';
import { execFailure } from '../containers/start-error.js';

/** A status that nobody recorded; 0 would be a lie. */
export const LOST_EXIT_CODE = 255;

/** A running exec. */
export interface LaunchedExec {
  /** null: nothing is attached. */
  socket: Socket | null;
  /** Settles when the exit code is on record. Never rejects. */
  recorded: Promise<void>;
}

/**
 * Runs an exec's process under a shim of its own. On failure the record has the exit code, and the error is thrown in dockerd's
 * words (126 and 127 are the client's fault: invalid).
 */
export async function launchExec(
  ctx: ContainersContext,
  exec: ExecRecord,
  options: { attach: boolean; consoleSize: [number, number] | null },
): Promise<LaunchedExec> {
  try {
    return await launch(ctx, exec, options);
  } catch (error) {
    const failure = execFailure(error);
    exec.hasEnded(failure.exitCode);
    keepExitCode(ctx, exec, failure.exitCode);
    forgetRunning(ctx, exec);
    await removeFiles(ctx, exec);
    throw failure.error;
  }
}

async function launch(
  ctx: ContainersContext,
  exec: ExecRecord,
  { attach, consoleSize }: { attach: boolean; consoleSize: [number, number] | null },
): Promise<LaunchedExec> {
  const { deps } = ctx;
  const { entry, config } = exec;
  const files = execFiles(deps.paths, entry.id, exec.id);
  const size = consoleSize ?? config.consoleSize;
  const process = deps.oci.execProcess(execProcessInput(ctx, exec, size));
  const setup = shimSetup(ctx, files, entry.container.hostConfig.runtime, size);
  const plan = planExec(ctx, exec, process, setup.runtime);
  // A tmpfs: no waiting.
  writeFileSync(files.process, specJson(process), { mode: 0o600 });
  if (plan) writeFileSync(files.plan, plan, { mode: 0o600 });
  const shim = await deps.shims.launch({
    ...setup,
    id: entry.id,
    process: { execProcess: files.process, plan: plan && files.plan },
    tty: config.tty,
    stdin: config.attachStdin && attach,
    stdinOnce: true,
    spoolDirectory: containerFiles(deps.paths, entry.id).directory,
    log: null,
  });
  let socket: Socket | null = null;
  try {
    const { attachStdin: stdin, attachStdout: stdout, attachStderr: stderr } = config;
    if (attach) socket = await deps.shims.attach(files.socket, { stdin, stdout, stderr });
    emitContainerEvent(ctx, entry, `exec_start: ${commandText(config.cmd)}`, { execID: exec.id });
    const { pid } = await shim.start();
    exec.hasStarted(shim, pid);
  } catch (error) {
    socket?.destroy();
    await shim
      .quit()
      .catch((err: unknown) => deps.log.debug({ err, exec: exec.id }, 'the shim of a failed exec was gone'));
    shim.close();
    throw error;
  }
  return { socket, recorded: superviseExec(ctx, exec, shim) };
}

/** Watches a running exec until its exit code is on record and its end is told. Never rejects. */
export async function superviseExec(ctx: ContainersContext, exec: ExecRecord, shim: RunningShim): Promise<void> {
  const { execEnds } = exec.entry;
  const ended = watch(ctx, exec, shim);
  execEnds.add(ended);
  try {
    await ended;
  } finally {
    execEnds.delete(ended);
  }
}

async function watch(ctx: ContainersContext, exec: ExecRecord, shim: RunningShim): Promise<void> {
  let exitCode: number | null = null;
  try {
    exitCode = (await shim.exited).exitCode;
  } catch (err) {
    if (ctx.stopping) return;
    exitCode = await recordedCode(ctx, exec, err);
  }
  exec.hasEnded(exitCode ?? LOST_EXIT_CODE);
  shim.close();
  execEnded(ctx, exec).catch((err: unknown) =>
    ctx.deps.log.warn({ err, exec: exec.id }, 'cannot remove the files of an exec'),
  );
}

/** Of an exec whose shim is gone. */
async function recordedCode(ctx: ContainersContext, exec: ExecRecord, err: unknown): Promise<number | null> {
  const { exit } = execFiles(ctx.deps.paths, exec.entry.id, exec.id);
  try {
    const record = await ctx.deps.shims.readExitRecord(exit);
    if (record) return record.exitCode;
  } catch (reading) {
    ctx.deps.log.debug({ err: reading, exec: exec.id }, 'the exit record of an exec can not be read');
  }
  ctx.deps.log.warn({ err, container: exec.entry.id, exec: exec.id }, 'the exit status of an exec was lost');
  keepExitCode(ctx, exec, null);
  return null;
}

/** Tells the end of an exec that has run, and removes its files. */
export function execEnded(ctx: ContainersContext, exec: ExecRecord): Promise<void> {
  forgetRunning(ctx, exec);
  emitContainerEvent(ctx, exec.entry, 'exec_die', { execID: exec.id, exitCode: String(exec.exitCode) });
  return removeFiles(ctx, exec);
}

/** For a daemon that comes up again; the container may be gone already, with all of this. */
function keepExitCode(ctx: ContainersContext, exec: ExecRecord, exitCode: number | null): void {
  if (!exec.entry.execs.has(exec.id)) return;
  try {
    ctx.deps.shims.writeExitRecord(execFiles(ctx.deps.paths, exec.entry.id, exec.id).exit, exitCode);
  } catch (err) {
    if (!hasCode(err, 'ENOENT')) ctx.deps.log.warn({ err, exec: exec.id }, 'cannot record the end of an exec');
  }
}

/** The container's inspect lists only execs that have not ended. */
function forgetRunning(ctx: ContainersContext, { id, entry }: ExecRecord): void {
  const execIds = entry.container.execIds.filter((other) => other !== id);
  if (execIds.length < entry.container.execIds.length) ctx.registry.setExecIds(entry, execIds);
}

/** What the record and the exit code of an exec that can be asked for are in stays until it is forgotten; a probe's goes. */
async function removeFiles(ctx: ContainersContext, { id, entry }: ExecRecord): Promise<void> {
  const { process, plan, exit, pid, runtimeLog, socket } = execFiles(ctx.deps.paths, entry.id, id);
  const paths = [process, plan, pid, runtimeLog, socket];
  if (!entry.execs.has(id)) paths.push(exit);
  await Promise.all(paths.map((path) => rm(path, { force: true })));
}
