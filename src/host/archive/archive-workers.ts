import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { keepHeapSmallBeside } from '../../shared/keep-heap-small.js';
import { takeSocketBody } from '../../shared/socket-body.js';
import { duplicateFd } from '../sys/duplicate-fd.js';
import { ArchiveError } from './archive-error.js';
import { runArchiveJob, type ArchiveJobName, type ArchiveJobs } from './archive-jobs.js';
import { ByteBatch } from './byte-batch.js';
import { ByteWindow } from './byte-window.js';
import { SocketOutput } from './socket-output.js';
import { fromWire, toWire, WINDOW_BYTES, type FromWorker, type ToWorker } from './worker-messages.js';

const ENTRY = new URL('./archive-worker.js', import.meta.url);
/** Run from TypeScript sources (unit tests) there is no compiled entry point: jobs run on the calling thread then. */
const HAS_ENTRY = existsSync(fileURLToPath(ENTRY));
/** A thread costs some 10 MB; this long it waits for the next layer of a pull. */
const IDLE_MS = 3000;
const MAX_IDLE = availableParallelism();
/**
 * Only unpacking is limited: its jobs come in dozens. Others start at once, because a job that waits for a thread while another waits for
 * its output (a packed directory that is unpacked elsewhere) would wait for ever.
 */
const MAX_UNPACKS = Math.max(8, 2 * availableParallelism());

export interface JobOptions {
  /** Consumed as the job's input, by the thread itself where it hands a socket over; destroyed when the job fails. */
  input?: Readable;
  /** Receives the job's output; the job waits until the promise resolves. */
  onChunk?: (chunk: Buffer) => Promise<void>;
  /** A socket that the output is written to instead, framed and ended as the chunked body of an HTTP answer; it stays the caller's. */
  outputFd?: number;
  onProgress?: (bytes: number) => void;
  signal?: AbortSignal;
}

const idle: { worker: Worker; timer: NodeJS.Timeout; retire: () => void }[] = [];
const running = new Set<{ job: ArchiveJobName }>();
const waiting: (() => void)[] = [];
let unpacking = 0;

/**
 * Runs a job on a worker thread, one job per thread. Threads end when they have been idle
 * for some seconds and never keep the process alive. Rejects with what the job threw (WharfErrors keep kind and code), or with the signal's
 * reason; by then the job has stopped touching anything.
 */
export async function submitArchiveJob<Name extends ArchiveJobName>(
  name: Name,
  args: ArchiveJobs[Name]['args'],
  options: JobOptions = {},
): Promise<ArchiveJobs[Name]['result']> {
  if (!HAS_ENTRY) return runHere(name, args, options);
  const limited = name === 'unpack-layer';
  if (limited) await slot();
  if (options.signal?.aborted) {
    if (limited) freeSlot();
    options.input?.destroy();
    options.signal.throwIfAborted();
  }
  const worker = takeWorker();
  const entry = { job: name };
  running.add(entry);
  let reusable = false;
  try {
    const result = await converse(worker, name, args, options);
    reusable = true;
    return result as ArchiveJobs[Name]['result'];
  } catch (error) {
    reusable = error instanceof JobFailure;
    throw error instanceof JobFailure ? error.cause : error;
  } finally {
    running.delete(entry);
    if (limited) freeSlot();
    giveBack(worker, reusable);
  }
}

/** Has a thread ready for a job that is about to come: starting one takes as long as copying many megabytes. */
export function prepareArchiveWorker(): void {
  if (HAS_ENTRY && idle.length === 0) giveBack(takeWorker(), true);
}

/** What threads are at work on, and can't be asked anything before. */
export function runningArchiveJobs(): ArchiveJobName[] {
  return [...running].map(({ job }) => job);
}

/** Ends idle threads now; for an orderly shutdown. */
export async function endArchiveWorkers(): Promise<void> {
  const entries = idle.splice(0);
  for (const { timer } of entries) clearTimeout(timer);
  await Promise.all(entries.map(({ worker }) => worker.terminate()));
}

/** The job itself failed, the thread is fine. */
class JobFailure extends Error {
  constructor(override readonly cause: Error) {
    super(cause.message);
  }
}

async function slot(): Promise<void> {
  if (unpacking >= MAX_UNPACKS) await new Promise<void>((resolve) => waiting.push(resolve));
  unpacking++;
}

function freeSlot(): void {
  unpacking--;
  waiting.shift()?.();
}

function takeWorker(): Worker {
  const entry = idle.pop();
  if (!entry) {
    const worker = new Worker(ENTRY, { trackUnmanagedFds: false });
    keepHeapSmallBeside(worker);
    return worker;
  }
  clearTimeout(entry.timer);
  entry.worker.off('error', entry.retire);
  entry.worker.ref();
  return entry.worker;
}

function giveBack(worker: Worker, reusable: boolean): void {
  if (!reusable || idle.length >= MAX_IDLE) {
    void worker.terminate();
    return;
  }
  worker.unref();
  const retire = (): void => {
    const index = idle.findIndex((entry) => entry.worker === worker);
    if (index >= 0) idle.splice(index, 1);
    void worker.terminate();
  };
  idle.push({ worker, retire, timer: setTimeout(retire, IDLE_MS).unref() });
  worker.once('error', retire);
}

function converse(worker: Worker, name: ArchiveJobName, args: unknown, options: JobOptions): Promise<unknown> {
  let settled = false;
  // What a job's streams still say once it is over would reach the thread's next job.
  const post = (message: ToWorker, transfer: ArrayBuffer[] = []): void => {
    if (!settled) worker.postMessage(message, transfer);
  };
  const window = new ByteWindow(WINDOW_BYTES);
  let outputs = Promise.resolve();
  const abort = (error: unknown): void => post({ type: 'abort', error: toWire(error) });
  const onAbort = (): void => abort(options.signal?.reason);
  const deliver = (chunk: Buffer): void => {
    outputs = outputs.then(async () => {
      await options.onChunk?.(chunk);
      post({ type: 'taken', bytes: chunk.length });
    });
    outputs.catch(abort);
  };
  const { promise, resolve, reject } = deferred();
  const onMessage = (message: FromWorker): void => {
    if (message.type === 'taken') window.taken(message.bytes);
    else if (message.type === 'input-ended') options.input?.destroy();
    else if (message.type === 'progress') options.onProgress?.(message.bytes);
    else if (message.type === 'chunk') deliver(bufferOf(message.data));
    else if (message.type === 'result') outputs.then(() => resolve(message.value), reject);
    else reject(new JobFailure(fromWire(message.error)));
  };
  const onExit = (code: number): void => reject(new ArchiveError(`archive worker exited with code ${code}`));
  // removeAllListeners() would take the listeners away that Node itself has on a worker.
  worker.on('message', onMessage).on('error', reject).on('exit', onExit);
  const body = options.input ? takeSocketBody(options.input) : null;
  const socket = body ? { ...body, fd: duplicateFd(body.fd) } : null;
  const outputFd = options.outputFd === undefined ? null : duplicateFd(options.outputFd);
  post({ type: 'start', job: name, args, socket, outputFd });
  options.signal?.addEventListener('abort', onAbort, { once: true });
  if (options.input && !socket) {
    feed(options.input, window, post).catch((error: unknown) => post({ type: 'input-error', error: toWire(error) }));
  }
  return promise.finally(() => {
    settled = true;
    options.signal?.removeEventListener('abort', onAbort);
    window.close();
    worker.off('message', onMessage).off('error', reject).off('exit', onExit);
    if (options.input && !options.input.readableEnded) options.input.destroy();
  });
}

function deferred(): { promise: Promise<unknown>; resolve: (value: unknown) => void; reject: (error: Error) => void } {
  let settle!: { resolve: (value: unknown) => void; reject: (error: Error) => void };
  const promise = new Promise<unknown>((resolve, reject) => (settle = { resolve, reject }));
  return { promise, ...settle };
}

async function feed(
  input: Readable,
  window: ByteWindow,
  post: (message: ToWorker, transfer?: ArrayBuffer[]) => void,
): Promise<void> {
  const batch = new ByteBatch((data) => {
    window.count(data.length);
    post({ type: 'chunk', data }, [data.buffer]);
  });
  try {
    for await (const chunk of input) {
      batch.add(chunk as Uint8Array);
      await window.open();
    }
    batch.flush();
  } finally {
    batch.discard();
  }
  post({ type: 'end' });
}

function bufferOf(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

async function runHere<Name extends ArchiveJobName>(
  name: Name,
  args: ArchiveJobs[Name]['args'],
  { input, onChunk, outputFd, onProgress, signal = new AbortController().signal }: JobOptions,
): Promise<ArchiveJobs[Name]['result']> {
  const client = outputFd === undefined ? null : new SocketOutput(duplicateFd(outputFd), signal);
  try {
    signal.throwIfAborted();
    const result = await runArchiveJob(name, args, {
      input: input ?? nothing(),
      emit: async (chunk) => {
        if (client) return client.write(chunk);
        await onChunk?.(Buffer.from(chunk));
        signal.throwIfAborted();
      },
      progress: (bytes) => onProgress?.(bytes),
      signal,
    });
    await client?.end();
    return result;
  } finally {
    client?.close();
    if (input && !input.readableEnded) input.destroy();
  }
}

async function* nothing(): AsyncGenerator<Buffer> {
  // A job without input reads an empty stream.
}
