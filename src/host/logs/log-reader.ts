import { FileChange } from './file-change.js';
import { JSON_LOG_FORMAT } from './json-log-format.js';
import { LOCAL_LOG_FORMAT } from './local-log-format.js';
import type { LogDecoding } from './log-cursor.js';
import { LogCursor } from './log-cursor.js';
import { openBefore, openTail } from './open-cursors.js';
import type { LogMark } from './open-cursors.js';
import type { RecordFormat } from './record-encoder.js';

export interface ReadLogsOptions extends RecordFormat {
  readonly driver: 'json-file' | 'local';
  /** The current file; rotated ones are beside it (`path.1`, `path.2.gz`, …). */
  readonly path: string;
  /** How many records at the end, of both streams together and before any filter, as dockerd counts. */
  readonly tail: number | 'all';
  /** Goes on when the end is reached. */
  readonly follow: boolean;
  /** Everything up to here, and nothing after it; then there is no tail and nothing is followed. */
  readonly before?: LogMark | null;
  /** Ends the iteration, without an error. */
  readonly signal?: AbortSignal;
  /** With `follow`: settles when nothing will be written any more; what is there by then is still delivered. */
  readonly ended?: Promise<unknown>;
}

const FORMATS = { 'json-file': JSON_LOG_FORMAT, local: LOCAL_LOG_FORMAT };

/**
 * Reads a log as the logs endpoint answers it, in large pieces that belong to the caller. Rotation while it
 * reads loses nothing; a file that was truncated is read again from its beginning; lines that are no records are left
 * out. A log that does not exist is empty. A piece costs the event loop about a millisecond.
 */
export async function* readLogFiles(options: ReadLogsOptions): AsyncGenerator<Buffer, void, undefined> {
  const format = FORMATS[options.driver];
  const decoding: LogDecoding = { format, encoder: format.encoder(options) };
  const { path, tail, before } = options;
  const cursors = await (before ? openBefore(path, before, decoding) : openTail(path, tail, decoding));
  const isFollowed = options.follow && !before;
  try {
    while (cursors.length > (isFollowed ? 1 : 0) && !isOver(options, decoding)) {
      yield* readWhole(cursors, options.signal);
    }
    if (isFollowed && !isOver(options, decoding)) yield* followLog(cursors, decoding, options);
  } finally {
    await Promise.all(cursors.map((cursor) => cursor[Symbol.asyncDispose]()));
  }
}

const isOver = (options: ReadLogsOptions, { encoder }: LogDecoding): boolean =>
  options.signal?.aborted === true || encoder.finished;

/** The first of the files, to its end; it is not the first any more then. */
async function* readWhole(cursors: LogCursor[], signal?: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
  const cursor = cursors[0];
  if (!cursor) return;
  yield* cursor.read(signal);
  yield* cursor.finish();
  cursors.shift();
  await cursor[Symbol.asyncDispose]();
}

/** The current file, as it grows and is rotated, until `ended` or an abort. */
async function* followLog(
  cursors: LogCursor[],
  decoding: LogDecoding,
  options: ReadLogsOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const { path, signal } = options;
  const end = { reached: false };
  let change = new FileChange(path);
  const onAbort = (): void => change.notify();
  const onEnd = (): void => {
    end.reached = true;
    change.notify();
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  options.ended?.then(onEnd, onEnd);
  try {
    while (!isOver(options, decoding)) {
      // asked before the read: what was written before the end is seen by it
      const last = end.reached;
      const cursor = cursors[0];
      if (cursor) yield* cursor.read(signal);
      if (isOver(options, decoding)) return;
      const newer = cursor ? await openNewer(cursor, path, decoding) : await openTail(path, 'all', decoding);
      if (newer === 'truncated') continue;
      cursors.push(...newer);
      if (newer.length > 0) {
        change[Symbol.dispose]();
        change = new FileChange(path);
        while (cursors.length > 1 && !isOver(options, decoding)) yield* readWhole(cursors, signal);
        continue;
      }
      if (last) {
        yield* cursor?.finish() ?? [];
        return;
      }
      cursor?.relax();
      await change.next();
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    change[Symbol.dispose]();
  }
}

async function openNewer(cursor: LogCursor, path: string, decoding: LogDecoding): Promise<LogCursor[] | 'truncated'> {
  const files = await cursor.newerFiles(path);
  return files === 'truncated' ? files : files.map((file) => new LogCursor(file, decoding));
}
