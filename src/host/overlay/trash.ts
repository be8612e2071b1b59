import { renameSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { submitArchiveJob } from '../archive/archive-workers.js';
import { removeSmallTree } from '../archive/remove-small-tree.js';
import { hasCode } from '../../shared/errors.js';
import { randomHex } from '../../shared/random-hex.js';
import { diskSpace } from './disk-space.js';

/** With less than this part of the disk left, or fewer inodes, who removes something is told only when its space is free. */
const TIGHT = 0.1;
const TIGHT_FILES = 100_000;

/** Up to so many entries a tree is removed without starting a thread for it: what a container leaves that has written little. */
const FEW_ENTRIES = 128;

/** How long files may wait for others to go with: who has just removed something mostly goes on to do something else. */
const LATER_MS = 500;

/**
 * Directories on their way out. One is out of sight at once; to remove its files takes the disk's journal anything from tenths of a
 * second to tens of them, and nobody needs to wait for that as long as there is room.
 */
export class Trash {
  private waiting: string[] = [];
  private timer: NodeJS.Timeout | null = null;
  private last: Promise<void> = Promise.resolve();

  /**
   * `prefix` begins the names, in `directory`, of what is on its way out: a process that dies leaves them to the next. `onFault` hears
   * of what could not be removed, and stays as such a name.
   */
  constructor(
    private readonly directory: string,
    private readonly prefix: string,
    private readonly onFault: (error: unknown) => void,
  ) {}

  /** Takes a directory of the same file system out of sight; missing is fine. Its files are removed later, on threads, one tree after another. */
  discard(path: string): void {
    const doomed = join(this.directory, `${this.prefix}removed-${randomHex(6)}`);
    try {
      renameSync(path, doomed);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return;
      throw error;
    }
    this.waiting.push(doomed);
    this.timer ??= setTimeout(() => this.empty(), LATER_MS).unref();
  }

  /** As discard(); a directory of another file system is removed at once. */
  async discardFromAnywhere(path: string): Promise<void> {
    try {
      this.discard(path);
    } catch (error) {
      if (!hasCode(error, 'EXDEV')) throw error;
      await rm(path, { recursive: true, force: true });
    }
  }

  /** Settles when the files of all that was discarded are gone. */
  settled(): Promise<void> {
    this.empty();
    return this.last;
  }

  /** As settled(), where the disk is nearly full; else at once. */
  async room(): Promise<void> {
    if (this.isTight()) await this.settled();
  }

  /** Whether the disk is so full that who removes something is to be told only when its space is free. */
  isTight(): boolean {
    const { availableBytes, totalBytes, availableFiles } = diskSpace(this.directory);
    const fewFiles = availableFiles !== null && availableFiles < TIGHT_FILES;
    return fewFiles || availableBytes < totalBytes * TIGHT;
  }

  private empty(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    const paths = this.waiting;
    this.waiting = [];
    for (const path of paths) {
      this.last = this.last.then(() => removeFiles(path)).catch(this.onFault);
    }
  }
}

async function removeFiles(path: string): Promise<void> {
  if (!(await removeSmallTree(path, FEW_ENTRIES))) await submitArchiveJob('remove-tree', { path });
}
