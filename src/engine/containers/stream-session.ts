import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { DetachScanner } from './detach-keys.js';

/** What a session of a client with a shim needs to know. */
export interface StreamSession {
  /** Pass what the client sends on to the process. */
  stdin: boolean;
  /** null: there is no way to detach by typing. */
  detachKeys: Buffer | null;
  /** Settles when the exit is on record; the client sees the end only after that. */
  recorded: () => Promise<void>;
  onDetach: () => void;
}

/**
 * Connects a client with a shim's attach socket until the process has ended and all output is delivered, the client has left, or
 * the detach keys were typed. Both sockets are ended here. Data never waits in memory: each side is read as fast as the other
 * takes it.
 */
export async function relay(client: Duplex, shim: Socket, session: StreamSession): Promise<void> {
  const clientGone = new Promise<void>((resolve) => {
    if (client.destroyed) resolve();
    client.once('close', resolve);
    client.once('error', () => resolve());
  });
  let detach!: () => void;
  const detached = new Promise<void>((resolve) => (detach = resolve));
  const outputOver = pump(shim, client);
  if (session.stdin) pumpInput(client, shim, session.detachKeys, detach);
  else client.resume();

  const reason = await Promise.race([
    outputOver.then(() => 'output' as const),
    clientGone.then(() => 'client' as const),
    detached.then(() => 'detach' as const),
  ]);
  shim.unpipe();
  if (reason === 'detach') session.onDetach();
  if (reason === 'output') await session.recorded();
  shim.destroy();
  if (reason === 'client') client.destroy();
  else await endOf(client, clientGone);
}

/** Copies output with backpressure; settles when the shim's side has ended or failed. */
function pump(shim: Socket, client: Duplex): Promise<void> {
  return new Promise((resolve) => {
    shim.once('end', resolve);
    shim.once('close', () => resolve());
    shim.once('error', () => resolve());
    // A socket tells its end once, and nobody listens while a short process is being started.
    if (shim.readableEnded || shim.destroyed) resolve();
    shim.pipe(client, { end: false });
  });
}

/** Copies typed bytes with backpressure, watching for the detach keys; the client's half-close is the end of stdin. */
function pumpInput(client: Duplex, shim: Socket, detachKeys: Buffer | null, detach: () => void): void {
  const scanner = detachKeys && new DetachScanner(detachKeys);
  client.on('data', (chunk: Buffer) => {
    const { forward, detached } = scanner ? scanner.push(chunk) : { forward: chunk, detached: false };
    if (forward.length > 0 && shim.writable && !shim.write(forward)) {
      client.pause();
      shim.once('drain', () => client.resume());
    }
    if (detached) detach();
  });
  const endInput = (): void => {
    if (shim.writable) shim.end();
  };
  if (client.readableEnded) endInput();
  else client.once('end', endInput);
}

async function endOf(client: Duplex, gone: Promise<void>): Promise<void> {
  if (client.destroyed) return;
  await Promise.race([new Promise<void>((resolve) => client.end(() => resolve())), gone]);
}
