import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { hasCode } from '../../shared/errors.js';
import { EXEC_SOCKET_PREFIX, execFiles } from '../containers/container-paths.js';
import type { ContainersContext } from '../containers/containers-context.js';
import { execFailure } from '../containers/start-error.js';
import type { RunningShim } from '../containers/shim-port.js';
import type { ExecRecord } from './exec-record.js';
import { execEnded, LOST_EXIT_CODE, superviseExec } from './launch-exec.js';
import { storedExecs } from './stored-exec.js';

const SIGKILL = 9;

/**
 * Finds the execs that an earlier daemon has left in the containers that still run: those that run are supervised again, those
 * that have ended meanwhile get their exit code, and the others can still be started. What else runs as an exec was a health
 * probe, which nobody waits for any more; it is killed.
 */
export async function recoverExecs(ctx: ContainersContext): Promise<ExecRecord[]> {
  const running = ctx.registry.all().filter(({ run }) => run !== null);
  const found = running.flatMap((entry) => storedExecs(ctx, entry));
  for (const { id, entry } of found) entry.execs.add(id);
  await Promise.all(
    found.map(async (exec) => {
      try {
        await recover(ctx, exec);
      } catch (err) {
        ctx.deps.log.error({ err, exec: exec.id, container: exec.entry.id }, 'cannot take an exec over');
        if (exec.isClaimed && !exec.running) exec.hasEnded(execFailure(err).exitCode);
      }
    }),
  );
  await killOthers(ctx, found);
  return found;
}

async function recover(ctx: ContainersContext, exec: ExecRecord): Promise<void> {
  const { shims, paths } = ctx.deps;
  const files = execFiles(paths, exec.entry.id, exec.id);
  const shim = await connect(ctx, files.socket);
  if (shim && shim.state !== 'created') {
    exec.isClaimed = true;
    const { pid } = shim.state === 'starting' ? await shim.start() : shim;
    exec.hasStarted(shim, pid);
    void superviseExec(ctx, exec, shim);
    return;
  }
  if (shim) {
    // The daemon died in the middle of a start: nobody was told of it.
    await discard(ctx, shim);
    return;
  }
  const record = await shims.readExitRecord(files.exit);
  if (!record) return;
  exec.isClaimed = true;
  exec.hasEnded(record.exitCode ?? LOST_EXIT_CODE, Date.parse(record.finishedAt));
  // What it was started with is still there: nobody has told its end.
  if (existsSync(files.process)) await execEnded(ctx, exec);
}

async function connect(ctx: ContainersContext, socketPath: string): Promise<RunningShim | null> {
  try {
    return await ctx.deps.shims.connect(socketPath);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ECONNREFUSED')) return null;
    throw error;
  }
}

async function killOthers(ctx: ContainersContext, known: readonly ExecRecord[]): Promise<void> {
  const { paths } = ctx.deps;
  // Containers that go on are probed again already.
  const probes = ctx.registry.all().map((entry) => ({ id: entry.probeExecId, entry }));
  const sockets = new Set(
    [...known, ...probes].map(({ id, entry }) => basename(execFiles(paths, entry.id, id).socket)),
  );
  for (const name of await readdir(paths.sockets)) {
    if (!name.startsWith(EXEC_SOCKET_PREFIX) || !name.endsWith('.sock') || sockets.has(name)) continue;
    const path = join(paths.sockets, name);
    try {
      const shim = await connect(ctx, path);
      if (shim) await discard(ctx, shim);
    } catch (err) {
      ctx.deps.log.debug({ err, path }, 'the shim of an unknown exec did not answer');
    }
    await rm(path, { force: true });
  }
}

/** Ends an exec that nobody knows of, or its shim alone if it has not been started. */
async function discard(ctx: ContainersContext, shim: RunningShim): Promise<void> {
  try {
    await (shim.state === 'created' ? shim.quit() : shim.kill(SIGKILL));
  } catch (err) {
    ctx.deps.log.debug(
      { err, state: shim.state, pid: shim.pid },
      'the shim of an exec had ended before it was told to',
    );
  } finally {
    shim.close();
  }
}
