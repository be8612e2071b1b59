import { WharfError, type ErrorKind } from '../../shared/errors.js';
import { ArchiveError, errnoOf } from './archive-error.js';
import type { ArchiveJobName } from './archive-jobs.js';
import type { SocketSource } from './socket-input.js';

/** How many bytes may be under way in one direction before the sender waits: bounds memory per job. */
export const WINDOW_BYTES = 4 * 1024 * 1024;

/** From the main thread to a worker. One job at a time. */
export type ToWorker =
  | { type: 'start'; job: ArchiveJobName; args: unknown; socket: SocketSource | null; outputFd: number | null }
  | { type: 'chunk'; data: Uint8Array }
  | { type: 'end' }
  | { type: 'input-error'; error: WireError }
  | { type: 'taken'; bytes: number }
  | { type: 'abort'; error: WireError };

/** From a worker to the main thread. `taken` opens the window again; `input-ended`: a body that it read off a socket is complete. */
export type FromWorker =
  | { type: 'chunk'; data: Uint8Array }
  | { type: 'taken'; bytes: number }
  | { type: 'input-ended' }
  | { type: 'progress'; bytes: number }
  | { type: 'result'; value: unknown }
  | { type: 'error'; error: WireError };

/** An error as it crosses the thread: structured clone drops classes. */
export interface WireError {
  name: string;
  message: string;
  kind: ErrorKind | null;
  code: string | null;
}

export function toWire(error: unknown): WireError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), kind: null, code: null };
  const kind = error instanceof WharfError ? error.kind : null;
  return { name: error.name, message: error.message, kind, code: errnoOf(error) };
}

export function fromWire(wire: WireError): Error {
  if (wire.kind === 'internal') return new ArchiveError(wire.message, wire.code);
  if (wire.kind !== null) return new WharfError(wire.kind, wire.message);
  const error = new Error(wire.message);
  error.name = wire.name;
  return wire.code === null ? error : Object.assign(error, { code: wire.code });
}

/** Bytes of our own that may be transferred: a stream's chunk may share its memory with others. */
export function transferable(chunk: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(chunk.length);
  copy.set(chunk);
  return copy;
}
