import { LogCursor } from './log-cursor.js';
import type { LogDecoding } from './log-cursor.js';
import type { LogFile } from './log-files.js';
import { openLogFiles, readCompressed } from './log-files.js';
import type { LogFormat } from './log-format.js';

/** A place in a log, as its writer tells it: everything before it was written before. */
export interface LogMark {
  /** Of the file that was the current one. */
  readonly inode: bigint;
  readonly offset: number;
}

/** A cursor per file of the log, oldest first, such that together they yield the last `tail` records. */
export async function openTail(path: string, tail: number | 'all', decoding: LogDecoding): Promise<LogCursor[]> {
  const files = await openLogFiles(path);
  const cursors: LogCursor[] = [];
  let missing = tail === 'all' ? Infinity : tail;
  for (const file of files.reverse()) {
    const isNewest = cursors.length === 0;
    if (missing <= 0 && !isNewest) {
      await file[Symbol.asyncDispose]();
      continue;
    }
    const { cursor, records } = await cursorAtTail(file, missing, decoding);
    cursors.unshift(cursor);
    missing -= records;
  }
  return cursors;
}

/**
 * A cursor per file of the log, oldest first, which together yield everything before a mark. The file that the mark names may have
 * been rotated since, as long as somebody has kept it open (LogPin).
 */
export async function openBefore(path: string, mark: LogMark, decoding: LogDecoding): Promise<LogCursor[]> {
  const files = await openLogFiles(path);
  const marked =
    files.find((file) => file.inode === mark.inode && !file.compressed) ??
    files.findLast((file) => file.origin?.inode === mark.inode);
  const older = marked ? files.indexOf(marked) : -1;
  for (const newer of files.splice(older + 1)) await newer[Symbol.asyncDispose]();
  return files.map((file) => new LogCursor(file, decoding, 0, 0, file === marked ? mark.offset : Infinity));
}

/** `count` may be Infinity, or 0 for the end of the file. */
async function cursorAtTail(
  file: LogFile,
  count: number,
  decoding: LogDecoding,
): Promise<{ cursor: LogCursor; records: number }> {
  const { format } = decoding;
  if (count === Infinity) return { cursor: new LogCursor(file, decoding), records: 0 };
  if (file.compressed) {
    const records = await countRecords(file, format);
    return { cursor: new LogCursor(file, decoding, 0, Math.max(0, records - count)), records };
  }
  const { size } = await file.handle.stat();
  if (count <= 0) return { cursor: new LogCursor(file, decoding, size), records: 0 };
  const { offset, records } = await format.findTail(file.handle, size, count);
  return { cursor: new LogCursor(file, decoding, offset), records };
}

async function countRecords(file: LogFile, format: LogFormat): Promise<number> {
  let records = 0;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of readCompressed(file)) {
    const buffer = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const end = format.endOfWhole(buffer, rest.length, buffer.length);
    for (let at = 0; at < end; at = format.next(buffer, at)) records++;
    rest = buffer.subarray(end);
  }
  return records;
}
