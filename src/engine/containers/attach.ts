import type { Duplex } from 'node:stream';
import type { ShimAttachment } from '../../host/shim/attachment.js';
import { LogPin } from '../../host/logs/log-pin.js';
import type { LogMark } from '../../host/logs/open-cursors.js';
import { conflict, type WharfError } from '../../shared/errors.js';
import type { AttachOptions, AttachSession } from './container-service.js';
import type { Container } from './container.js';
import type { ContainerEntry } from './container-entry.js';
import { emitContainerEvent, type ContainersContext } from './containers-context.js';
import { parseDetachKeys } from './detach-keys.js';
import { logPath, readLogs } from './logs.js';
import { PendingAttach } from './pending-attach.js';
import { relay } from './stream-session.js';

/** How often it is tried to hold the log file on which an attachment begins. */
const PIN_ATTEMPTS = 20;

/** A place before everything. */
const NOTHING: LogMark = { inode: 0n, offset: 0 };

/** A client between its request and its session. */
interface Registered {
  /** null: it only wants the log. */
  pending: PendingAttach | null;
  /** Keeps the log file that is written now; null: the log is not wanted. */
  pin: LogPin | null;
  /** Output that comes through the shim is not in the log before this; null: unknown, or everything is wanted. */
  mark: LogMark | null;
}

/** Checks an attach and registers it, so that a start that comes next is not missed; the session begins with `run`. */
export async function attachContainer(
  ctx: ContainersContext,
  ref: string,
  options: AttachOptions,
): Promise<AttachSession> {
  const detachKeys = parseDetachKeys(options.detachKeys);
  const entry = ctx.registry.find(ref);
  const { config } = entry.container;
  const refusal = attachRefusal(entry.container, ref);
  if (refusal) throw refusal;
  const registered = await register(ctx, entry, options);
  emitContainerEvent(ctx, entry, 'attach');
  return {
    tty: config.tty,
    run: (client) => runSession(ctx, entry, options, registered, config.tty ? detachKeys : null, client),
  };
}

/** Why nobody can attach to the container now; null when somebody can. */
export function attachRefusal({ state }: Container, ref: string): WharfError | null {
  if (state.paused) return conflict(`container ${ref} is paused, unpause the container before attach`);
  if (state.restarting) return conflict(`container ${ref} is restarting, wait until the container is running`);
  return null;
}

/** The shim's socket, now or (for a container that does not run) at the next start, and where the log ends before its output. */
async function register(ctx: ContainersContext, entry: ContainerEntry, options: AttachOptions): Promise<Registered> {
  const { stdin, stdout, stderr, logs, stream } = options;
  const isStdinOpen = stdin && entry.container.config.openStdin;
  // Who wants none of the streams is not kept waiting for their end.
  if (!stream || !(isStdinOpen || stdout || stderr)) return { pending: null, pin: null, mark: null };
  const streams = { stdin: isStdinOpen, stdout, stderr, seam: logs };
  for (let attempt = 1; entry.run && entry.container.state.running; attempt++) {
    const pin = logs ? await LogPin.open(logPath(ctx, entry.container)) : null;
    const pending = new PendingAttach(ctx.deps.shims, streams, ctx.deps.log);
    await pending.connect(entry.run.socketPath, entry.run.shim);
    const attachment = await pending.attachment;
    const mark = attachment?.mark ?? null;
    // the log was rotated in between: that file's number may be another's by now
    const isPinned = !pin || !mark || mark.inode === pin.mark.inode;
    if (isPinned || attempt === PIN_ATTEMPTS) return { pending, pin, mark };
    attachment?.close();
    await pin[Symbol.asyncDispose]();
  }
  const pin = logs ? await LogPin.open(logPath(ctx, entry.container)) : null;
  const pending = new PendingAttach(ctx.deps.shims, streams, ctx.deps.log);
  entry.pendingAttaches.add(pending);
  // nobody writes it before the start, whose output is all the client's
  return { pending, pin, mark: pin?.mark ?? NOTHING };
}

async function runSession(
  ctx: ContainersContext,
  entry: ContainerEntry,
  options: AttachOptions,
  { pending, pin, mark }: Registered,
  detachKeys: Buffer | null,
  client: Duplex,
): Promise<void> {
  // An error is followed by 'close', which ends the session; unhandled it would end the daemon.
  client.on('error', () => undefined);
  try {
    if (options.logs) await replay(ctx, entry, options, mark, client);
    // With the log it begins where that ends, which only the start can tell.
    else if (pending) void ctx.ahead.attach(ctx, entry, pending);
    const attachment = pending && (await attachmentOrGone(pending, client));
    if (!attachment) return void client.end();
    const stdin = options.stdin && entry.container.config.openStdin;
    const onDetach = (): void => emitContainerEvent(ctx, entry, 'detach');
    const served = await attachment.handOver(client, stdin ? detachKeys : null);
    if (served === 'detached') onDetach();
    if (served !== null) return;
    const recorded = async (): Promise<void> => entry.run?.recorded;
    await relay(client, attachment.relay(), { stdin, detachKeys, recorded, onDetach });
  } finally {
    await pin?.[Symbol.asyncDispose]();
    if (pending) entry.pendingAttaches.delete(pending);
    pending?.giveUp();
  }
}

/** Waits for the start; null when there will be none, or the client has left. */
async function attachmentOrGone(pending: PendingAttach, client: Duplex): Promise<ShimAttachment | null> {
  let onClose!: () => void;
  const gone = new Promise<null>((resolve) => client.once('close', (onClose = () => resolve(null))));
  try {
    const attachment = client.destroyed ? null : await Promise.race([pending.attachment, gone]);
    if (!attachment) void pending.attachment.then((late) => late?.close());
    return attachment;
  } finally {
    client.off('close', onClose);
  }
}

async function replay(
  ctx: ContainersContext,
  entry: ContainerEntry,
  { stdout, stderr }: AttachOptions,
  mark: LogMark | null,
  client: Duplex,
): Promise<void> {
  const abort = new AbortController();
  const onClose = (): void => abort.abort();
  client.once('close', onClose);
  const everything = {
    follow: false,
    sinceNs: null,
    untilNs: null,
    timestamps: false,
    tail: 'all' as const,
    details: false,
    joined: false,
  };
  for await (const chunk of readLogs(ctx, entry, { ...everything, stdout, stderr }, abort.signal, mark)) {
    if (!client.write(chunk)) await drained(client);
  }
  client.off('close', onClose);
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
