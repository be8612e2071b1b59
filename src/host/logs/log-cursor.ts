import { stat } from 'node:fs/promises';
import { hasCode } from '../../shared/errors.js';
import type { LogFile } from './log-files.js';
import { openLogFiles, readCompressed } from './log-files.js';
import { RecordAssembler } from './record-assembler.js';
import type { RecordEncoder } from './record-encoder.js';
import { findTailOffset } from './tail-offset.js';

/** Where a reader is in one file of a log. Disposing it closes the file. */
export class LogCursor implements AsyncDisposable {
  private readonly assembler: RecordAssembler;

  constructor(
    private readonly file: LogFile,
    private readonly encoder: RecordEncoder,
    private position = 0,
    skipLines = 0,
  ) {
    this.assembler = new RecordAssembler(encoder, skipLines);
  }

  /** Yields what there is up to the present end of the file; called again, what was added since. */
  async *read(signal?: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
    if (this.file.compressed) return yield* this.readInflated(signal);
    while (!signal?.aborted && !this.encoder.finished) {
      const room = this.assembler.room();
      const { bytesRead } = await this.file.handle.read(room, 0, room.length, this.position);
      if (bytesRead === 0) return;
      this.position += bytesRead;
      yield* this.assembler.take(bytesRead);
    }
  }

  /** Yields a last line that has no newline, if it is whole. */
  finish(): Buffer[] {
    return this.encoder.finished ? [] : this.assembler.finish();
  }

  /** Gives memory back while nothing comes. */
  relax(): void {
    this.assembler.relax();
  }

  /**
   * The files that the log has gone on in since this one was rotated, oldest first; none if it was not; `truncated` when
   * it was cut short in place, and is to be read from its beginning now.
   */
  async newerFiles(path: string): Promise<LogFile[] | 'truncated'> {
    const current = await statOrNull(path);
    if (!current) return [];
    if (current.ino === this.file.inode) {
      if (current.size >= this.position) return [];
      this.position = 0;
      this.assembler.reset();
      return 'truncated';
    }
    const { mtimeNs } = await this.file.handle.stat({ bigint: true });
    // a compressed file is a new one; it has kept the time of what it was made from
    return openLogFiles(path, (file) =>
      file.inode === this.file.inode || file.compressed ? file.modifiedNs <= mtimeNs : file.modifiedNs < mtimeNs,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.file[Symbol.asyncDispose]();
  }

  private async *readInflated(signal?: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of readCompressed(this.file)) {
      if (signal?.aborted || this.encoder.finished) return;
      let rest = chunk;
      while (rest.length > 0) {
        const copied = rest.copy(this.assembler.room());
        rest = rest.subarray(copied);
        yield* this.assembler.take(copied);
      }
    }
  }
}

async function statOrNull(path: string): Promise<{ ino: bigint; size: number } | null> {
  try {
    const { ino, size } = await stat(path, { bigint: true });
    return { ino, size: Number(size) };
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

/** A cursor per file of the log, oldest first, such that together they yield the last `tail` records. */
export async function openCursors(path: string, tail: number | 'all', encoder: RecordEncoder): Promise<LogCursor[]> {
  const files = await openLogFiles(path);
  const cursors: LogCursor[] = [];
  let missing = tail === 'all' ? Infinity : tail;
  for (const file of files.reverse()) {
    const isNewest = cursors.length === 0;
    if (missing <= 0 && !isNewest) {
      await file[Symbol.asyncDispose]();
      continue;
    }
    const { cursor, lines } = await cursorAtTail(file, missing, encoder);
    cursors.unshift(cursor);
    missing -= lines;
  }
  return cursors;
}

/** `count` may be Infinity, or 0 for the end of the file. */
async function cursorAtTail(
  file: LogFile,
  count: number,
  encoder: RecordEncoder,
): Promise<{ cursor: LogCursor; lines: number }> {
  if (count === Infinity) return { cursor: new LogCursor(file, encoder), lines: 0 };
  if (file.compressed) {
    const lines = await countLines(file);
    return { cursor: new LogCursor(file, encoder, 0, Math.max(0, lines - count)), lines };
  }
  const { size } = await file.handle.stat();
  if (count <= 0) return { cursor: new LogCursor(file, encoder, size), lines: 0 };
  const { offset, lines } = await findTailOffset(file.handle, size, count);
  return { cursor: new LogCursor(file, encoder, offset), lines };
}

async function countLines(file: LogFile): Promise<number> {
  let lines = 0;
  for await (const chunk of readCompressed(file)) {
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, at + 1)) lines++;
  }
  return lines;
}
