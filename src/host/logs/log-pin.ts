import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { hasCode } from '../../shared/errors.js';
import type { LogMark } from './open-cursors.js';

/** Keeps the file that a log is written to now, so that a mark that names it can be found although it is rotated and compressed. */
export class LogPin implements AsyncDisposable {
  private constructor(
    private readonly handle: FileHandle,
    /** Where the log ended when this was made. */
    readonly mark: LogMark,
  ) {}

  /** null: there is no such log. */
  static async open(path: string): Promise<LogPin | null> {
    let handle: FileHandle;
    try {
      handle = await open(path, 'r');
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
      throw error;
    }
    const { ino, size } = await handle.stat({ bigint: true });
    return new LogPin(handle, { inode: ino, offset: Number(size) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.handle.close();
  }
}
