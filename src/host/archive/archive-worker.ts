import { parentPort, type MessagePort } from 'node:worker_threads';
import { runArchiveJob, type ArchiveJobs } from './archive-jobs.js';
import { ByteQueue } from './byte-queue.js';
import { ByteWindow } from './byte-window.js';
import type { JobInput } from './job-input.js';
import { SocketInput, type SocketSource } from './socket-input.js';
import { SocketOutput } from './socket-output.js';
import { fromWire, toWire, transferable, WINDOW_BYTES, type FromWorker, type ToWorker } from './worker-messages.js';

/** The job that this thread is at. */
interface Running {
  /** null: the job reads a socket, or nothing. */
  queue: ByteQueue | null;
  input: JobInput;
  output: ByteWindow;
  abort: AbortController;
}

/** Entry point of a worker thread: takes one job after another from archive-workers.ts. */
function serve(port: MessagePort): void {
  const post = (message: FromWorker, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);
  let running: Running | null = null;

  const start = async ({ job, args, socket, outputFd }: ToWorker & { type: 'start' }): Promise<void> => {
    const queue = socket ? null : new ByteQueue((bytes) => post({ type: 'taken', bytes }));
    const input = queue ?? new SocketInput(socket as SocketSource, () => post({ type: 'input-ended' }));
    const output = new ByteWindow(WINDOW_BYTES);
    const abort = new AbortController();
    running = { queue, input, output, abort };
    const client = outputFd === null ? null : new SocketOutput(outputFd, abort.signal);
    const hand = async (chunk: Buffer): Promise<void> => {
      const data = transferable(chunk);
      post({ type: 'chunk', data }, [data.buffer]);
      // Not data.length: the transfer has emptied it.
      await output.sent(chunk.length);
      abort.signal.throwIfAborted();
    };
    const progress = (bytes: number): void => post({ type: 'progress', bytes });
    try {
      const value = await runArchiveJob(job, args as ArchiveJobs[typeof job]['args'], {
        input,
        emit: client ? (chunk) => client.write(chunk) : hand,
        progress,
        signal: abort.signal,
      });
      await client?.end();
      post({ type: 'result', value });
    } catch (error) {
      post({ type: 'error', error: toWire(error) });
    } finally {
      input.close();
      client?.close();
      running = null;
    }
  };

  port.on('message', (message: ToWorker) => {
    switch (message.type) {
      case 'start':
        void start(message);
        break;
      case 'chunk':
        running?.queue?.push(Buffer.from(message.data.buffer, message.data.byteOffset, message.data.byteLength));
        break;
      case 'end':
        running?.queue?.end();
        break;
      case 'input-error':
        running?.input.fail(fromWire(message.error));
        break;
      case 'taken':
        running?.output.taken(message.bytes);
        break;
      case 'abort':
        running?.abort.abort(fromWire(message.error));
        running?.input.fail(fromWire(message.error));
        running?.output.close();
        break;
    }
  });
}

if (parentPort) serve(parentPort);
