import { Readable } from 'node:stream';
import type { WritesItself } from '../../shared/socket-body.js';
import { submitArchiveJob } from './archive-workers.js';
import type { IdMap } from './id-map.js';
import type { PackArguments } from './jobs/pack-job.js';

export interface PackOptions {
  /** The directory is an overlayfs upper layer: write whiteouts and opaque markers as image layers have them. */
  layer?: boolean;
  idMap?: IdMap;
  signal?: AbortSignal;
}

/**
 * A tar archive of what is in a directory (the directory itself has no entry). The same tree gives the same bytes: names in byte order, numeric
 * owners, whole seconds, files with several names as hard links to the first, file capabilities kept, sockets left out. Read it
 * to the end or destroy it; it fails with ArchiveError or the signal's reason.
 */
export function packDirectory(directory: string, options: PackOptions = {}): Readable {
  const { layer = false, idMap = null, signal } = options;
  return packStream({ root: directory, path: '', name: '', layer, idMap }, signal);
}

/** The output of a pack job as a stream, which the job's thread can write to a client itself; destroying it ends the job. */
export function packStream(args: PackArguments, signal?: AbortSignal): Readable & WritesItself {
  const abort = new AbortController();
  const linked = signal ? AbortSignal.any([signal, abort.signal]) : abort.signal;
  let resume: (() => void) | null = null;
  const wake = (): void => {
    const waiting = resume;
    resume = null;
    waiting?.();
  };
  const start = (): void => {
    submitArchiveJob('pack', args, {
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
    return submitArchiveJob('pack', args, { signal: linked, outputFd: fd }).then(
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
