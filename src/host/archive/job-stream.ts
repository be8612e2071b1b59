import { Readable } from 'node:stream';
import type { WritesItself } from '../../shared/socket-body.js';
import type { ArchiveJobName, ArchiveJobs } from './archive-jobs.js';
import { submitArchiveJob } from './archive-workers.js';

/** A job that begins when its output is first read, or written to a client by its own thread. Destroying the stream ends the job. */
export function jobStream<Name extends ArchiveJobName>(
  name: Name,
  args: ArchiveJobs[Name]['args'],
  signal?: AbortSignal,
): Readable & WritesItself {
  const abort = new AbortController();
  const linked = signal ? AbortSignal.any([signal, abort.signal]) : abort.signal;
  let resume: (() => void) | null = null;
  const wake = (): void => {
    const waiting = resume;
    resume = null;
    waiting?.();
  };
  const start = (): void => {
    submitArchiveJob(name, args, {
      signal: linked,
      onChunk: async (chunk) => {
        if (!stream.push(chunk) && !stream.destroyed) await new Promise<void>((resolve) => (resume = resolve));
      },
    }).then(
      () => stream.push(null),
      (error: Error) => stream.destroy(error),
    );
  };
  let started = false;
  const source: Readable = new Readable({
    highWaterMark: 1 << 20,
    read() {
      if (!started) {
        started = true;
        start();
      }
      wake();
    },
    destroy(error, callback) {
      abort.abort(error ?? new DOMException('This operation was aborted', 'AbortError'));
      wake();
      callback(error);
    },
  });
  const writeTo = (fd: number): Promise<void> | null => {
    if (started) return null;
    started = true;
    return submitArchiveJob(name, args, { signal: linked, outputFd: fd }).then(
      () => {
        stream.push(null);
        stream.resume();
      },
      (error: Error) => {
        stream.destroy(error);
        throw error;
      },
    );
  };
  const stream: Readable & WritesItself = Object.assign(source, { writeTo });
  return stream;
}
