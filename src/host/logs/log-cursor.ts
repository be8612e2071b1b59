import { stat } from 'node:fs/promises';
import { hasCode } from '../../shared/errors.js';
import type { LogFile } from './log-files.js';
import { openLogFiles, readCompressed } from './log-files.js';
import type { LogFormat } from './log-format.js';
import { RecordAssembler } from './record-assembler.js';
import type { RecordEncoder } from './record-encoder.js';

/** How a log is read: its format, and where what is read goes to. */
export interface LogDecoding {
  readonly format: LogFormat;
  readonly encoder: RecordEncoder;
}

/** Where a reader is in one file of a log. Disposing it closes the file. */
export class LogCursor implements AsyncDisposable {
  private readonly assembler: RecordAssembler;

  /** @param limitBytes what comes after it in the (inflated) file is not read */
  constructor(
    private readonly file: LogFile,
    private readonly decoding: LogDecoding,
    private position = 0,
    skipRecords = 0,
    private readonly limitBytes = Infinity,
  ) {
    this.assembler = new RecordAssembler(decoding.format, decoding.encoder, skipRecords);
  }

  /** Yields what there is up to the present end of the file; called again, what was added since. */
  async *read(signal?: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
    if (this.file.compressed) return yield* this.readInflated(signal);
    while (!signal?.aborted && !this.decoding.encoder.finished) {
      const room = this.assembler.room();
      const size = Math.min(room.length, this.limitBytes - this.position);
      if (size <= 0) return;
      const { bytesRead } = await this.file.handle.read(room, 0, size, this.position);
      if (bytesRead === 0) return;
      this.position += bytesRead;
      yield* this.assembler.take(bytesRead);
    }
  }

  /** Yields a last record that was not ended, if it is whole otherwise. */
  finish(): Buffer[] {
    return this.decoding.encoder.finished ? [] : this.assembler.finish();
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
    if (current.ino !== this.file.inode) return openLogFiles(path, this.file);
    if (current.size >= this.position) return [];
    this.position = 0;
    this.assembler.reset();
    return 'truncated';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.file[Symbol.asyncDispose]();
  }

  private async *readInflated(signal?: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of readCompressed(this.file)) {
      let rest = chunk.subarray(0, Math.max(0, this.limitBytes - this.position));
      this.position += rest.length;
      while (rest.length > 0) {
        if (signal?.aborted || this.decoding.encoder.finished) return;
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
