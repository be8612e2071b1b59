import type { Duplex } from 'node:stream';
import { conflict } from '../../shared/errors.js';
import type { AttachOptions, AttachSession } from './container-service.js';
import type { ContainerEntry } from './container-entry.js';
import { emitContainerEvent, type ContainersContext } from './containers-context.js';
import { parseDetachKeys } from './detach-keys.js';
import { readLogs } from './logs.js';
import { PendingAttach } from './pending-attach.js';
import { relay } from './stream-session.js';

/** Checks an attach and registers it, so that a start that comes next is not missed; the session begins with `run`. */
export async function attachContainer(
  ctx: ContainersContext,
  ref: string,
  options: AttachOptions,
): Promise<AttachSession> {
  const detachKeys = parseDetachKeys(options.detachKeys);
  const entry = ctx.registry.find(ref);
  const { state, config } = entry.container;
  if (state.paused) throw conflict(`container ${ref} is paused, unpause the container before attach`);
  if (state.restarting) throw conflict(`container ${ref} is restarting, wait until the container is running`);
  const pending = options.stream ? await openAttach(ctx, entry, options) : null;
  emitContainerEvent(ctx, entry, 'attach');
  return {
    tty: config.tty,
    run: (client) => runSession(ctx, entry, options, pending, config.tty ? detachKeys : null, client),
  };
}

/** The shim's socket, now or (for a container that does not run) at the next start. */
async function openAttach(
  ctx: ContainersContext,
  entry: ContainerEntry,
  { stdin, stdout, stderr }: AttachOptions,
): Promise<PendingAttach> {
  const isStdinOpen = stdin && entry.container.config.openStdin;
  const pending = new PendingAttach(ctx.deps.shims, { stdin: isStdinOpen, stdout, stderr }, ctx.deps.log);
  if (entry.run && entry.container.state.running) await pending.connect(entry.run.socketPath);
  else entry.pendingAttaches.add(pending);
  return pending;
}

async function runSession(
  ctx: ContainersContext,
  entry: ContainerEntry,
  options: AttachOptions,
  pending: PendingAttach | null,
  detachKeys: Buffer | null,
  client: Duplex,
): Promise<void> {
  // An error is followed by 'close', which ends the session; unhandled it would end the daemon.
  client.on('error', () => undefined);
  try {
    if (options.logs) await replay(ctx, entry, options, client);
    const socket = pending && (await socketOrGone(pending, client));
    if (!socket) return void client.end();
    await relay(client, socket, {
      stdin: options.stdin && entry.container.config.openStdin,
      detachKeys,
      recorded: async () => entry.run?.recorded,
      onDetach: () => emitContainerEvent(ctx, entry, 'detach'),
    });
  } finally {
    if (pending) entry.pendingAttaches.delete(pending);
  }
}

/** Waits for the start; null when there will be none, or the client has left. */
async function socketOrGone(pending: PendingAttach, client: Duplex): Promise<Awaited<PendingAttach['socket']>> {
  let onClose!: () => void;
  const gone = new Promise<null>((resolve) => client.once('close', (onClose = () => resolve(null))));
  if (client.destroyed) return null;
  try {
    return await Promise.race([pending.socket, gone]);
  } finally {
    client.off('close', onClose);
  }
}

async function replay(
  ctx: ContainersContext,
  entry: ContainerEntry,
  { stdout, stderr }: AttachOptions,
  client: Duplex,
): Promise<void> {
  const abort = new AbortController();
  client.once('close', () => abort.abort());
  const everything = {
    follow: false,
    sinceNs: null,
    untilNs: null,
    timestamps: false,
    tail: 'all' as const,
    details: false,
  };
  for await (const chunk of readLogs(ctx, entry, { ...everything, stdout, stderr }, abort.signal)) {
    if (!client.write(chunk)) await drained(client);
  }
}

function drained(client: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      client.off('drain', done).off('close', done);
      resolve();
    };
    client.once('drain', done).once('close', done);
    if (client.destroyed) done();
  });
}
