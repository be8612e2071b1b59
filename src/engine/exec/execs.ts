import { commandText } from './command-text.js';
import type { Duplex } from 'node:stream';
import { takenByPeer } from '../../host/shim/taken-by-peer.js';
import { conflict, errorMessage, internal, invalid, notFound } from '../../shared/errors.js';
import { randomHex } from '../../shared/random-hex.js';
import type { AttachSession } from '../containers/container-service.js';
import type { ContainerEntry } from '../containers/container-entry.js';
import { emitContainerEvent, type ContainersContext } from '../containers/containers-context.js';
import { parseDetachKeys } from '../containers/detach-keys.js';
import { notRunning } from '../containers/kill.js';
import { relay } from '../containers/stream-session.js';
import { ExecRecord } from './exec-record.js';
import type { ExecConfig, ExecInstance, ExecService } from './exec-service.js';
import { launchExec } from './launch-exec.js';
import { recoverExecs } from './recover-execs.js';
import { forgetStoredExec, storeExec } from './stored-exec.js';

/** As long as dockerd remembers an exec that has ended. */
const FORGET_AFTER_MS = 5 * 60_000;
/** The CLI sends the first size while the process is being started. */
const RESIZE_WAIT_MS = 10_000;
const STDOUT_FRAME = 1;

export interface StartExecOptions {
  detach: boolean;
  tty: boolean;
  consoleSize: [number, number] | null;
}

/** Commands run in containers. They outlive the daemon, as what runs them does. */
export class Execs implements ExecService {
  private readonly byId = new Map<string, ExecRecord>();

  constructor(private readonly ctx: ContainersContext) {}

  /** Takes over those of an earlier daemon; once the containers have been reconciled. */
  async recover(): Promise<void> {
    const { ctx } = this;
    for (const exec of await recoverExecs(ctx)) {
      this.byId.set(exec.id, exec);
      if (exec.exitCode === null) ctx.registry.setExecIds(exec.entry, [...exec.entry.container.execIds, exec.id]);
    }
  }

  async create(containerRef: string, config: ExecConfig): Promise<string> {
    const { ctx } = this;
    if (config.cmd.length === 0) throw invalid('No exec command specified');
    const entry = ctx.registry.find(containerRef);
    refuse(entry, containerRef);
    if (config.detachKeys !== '') checkDetachKeys(config.detachKeys);
    const user = ctx.deps.oci.resolveUser(
      `/proc/${entry.container.state.pid}/root`,
      config.user || entry.container.config.user,
      config.user === '' ? entry.container.hostConfig.groupAdd : [],
    );
    this.forgetOld();
    const exec = new ExecRecord(randomHex(32), entry, config, user);
    storeExec(ctx, exec);
    this.byId.set(exec.id, exec);
    entry.execs.add(exec.id);
    ctx.registry.setExecIds(entry, [...entry.container.execIds, exec.id]);
    emitContainerEvent(ctx, entry, `exec_create: ${commandText(config.cmd)}`, { execID: exec.id });
    return exec.id;
  }

  async start(id: string, options: StartExecOptions): Promise<AttachSession | null> {
    const exec = this.findActive(id);
    if (exec.exitCode !== null) throw conflict(`exec command ${id} has already run`);
    if (exec.isClaimed) throw conflict(`exec command ${id} is already running`);
    exec.isClaimed = true;
    if (options.detach) {
      await launchExec(this.ctx, exec, { attach: false, consoleSize: options.consoleSize });
      return null;
    }
    return { tty: exec.config.tty, run: (client) => this.runSession(exec, options, client) };
  }

  async resize(id: string, height: number, width: number): Promise<void> {
    const exec = this.findActive(id);
    if (exec.exitCode !== null) throw notFound(`NotFound: process does not exist ${id}: not found`);
    const shim = await soon(exec);
    if (exec.config.tty) await shim.resize(height, width);
    emitContainerEvent(this.ctx, exec.entry, `exec_resize`, {
      execID: id,
      height: String(height),
      width: String(width),
    });
  }

  inspect(id: string): ExecInstance {
    const exec = this.find(id);
    if (!this.isThere(exec)) throw noSuchExec(id);
    return exec.describe();
  }

  /** One that was never started is forgotten when its container stops; the others stay known. */
  private find(id: string): ExecRecord {
    const exec = this.byId.get(id);
    if (!exec || (!exec.isClaimed && !exec.entry.execs.has(id))) throw noSuchExec(id);
    return exec;
  }

  /** For what needs its container running. */
  private findActive(id: string): ExecRecord {
    const exec = this.find(id);
    const { entry } = exec;
    if (!this.isThere(exec)) throw notFound(`No such container: ${id}`);
    refuse(entry, entry.id);
    return exec;
  }

  private isThere({ entry }: ExecRecord): boolean {
    return this.ctx.registry.get(entry.id) === entry;
  }

  private forgetOld(): void {
    const before = Date.now() - FORGET_AFTER_MS;
    for (const [id, exec] of this.byId) {
      const { entry, exitCode, endedAtMs } = exec;
      const isOld = exitCode !== null && endedAtMs < before;
      const isWanted = exec.isClaimed || entry.execs.has(id);
      if (isWanted && !isOld && this.isThere(exec)) continue;
      this.byId.delete(id);
      if (entry.execs.delete(id)) forgetStoredExec(this.ctx, exec);
    }
  }

  private async runSession(exec: ExecRecord, options: StartExecOptions, client: Duplex): Promise<void> {
    const { ctx } = this;
    const { config, entry } = exec;
    // An error is followed by 'close', which ends the session; unhandled it would end the daemon.
    client.on('error', () => undefined);
    // The process may write within a millisecond.
    await takenByPeer(client);
    try {
      const { socket, recorded } = await launchExec(ctx, exec, { attach: true, consoleSize: options.consoleSize });
      if (!socket) return;
      await relay(client, socket, {
        stdin: config.attachStdin,
        detachKeys: config.tty ? parseDetachKeys(config.detachKeys) : null,
        recorded: () => recorded,
        onDetach: () => emitContainerEvent(ctx, entry, 'exec_detach', { execID: exec.id }),
      });
    } catch (error) {
      const text = Buffer.from(`${errorMessage(error)}\r\n`);
      client.end(config.tty ? text : frame(text));
    }
  }
}

function refuse(entry: ContainerEntry, ref: string): void {
  const { state } = entry.container;
  if (!state.running) throw notRunning(entry);
  if (state.paused) throw conflict(`Container ${ref} is paused, unpause the container before exec`);
  if (state.restarting) throw conflict(`Container ${entry.id} is restarting, wait until the container is running`);
}

function noSuchExec(id: string): Error {
  return notFound(`No such exec instance: ${id}`);
}

/** dockerd has other words for it here than in attach. */
function checkDetachKeys(text: string): void {
  try {
    parseDetachKeys(text);
  } catch (error) {
    throw invalid(`Invalid escape keys (${text}) provided`, error);
  }
}

async function soon(exec: ExecRecord): Promise<NonNullable<Awaited<ExecRecord['started']>>> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => (timer = setTimeout(() => resolve('late'), RESIZE_WAIT_MS)));
  const shim = await Promise.race([exec.started, late]);
  clearTimeout(timer);
  if (shim === 'late') throw internal('timeout waiting for exec session ready');
  if (shim === null) throw internal('cannot resize a stopped container');
  return shim;
}

/** A frame of Docker's multiplexed stream. */
function frame(text: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header[0] = STDOUT_FRAME;
  header.writeUInt32BE(text.length, 4);
  return Buffer.concat([header, text]);
}
