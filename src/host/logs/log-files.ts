import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { hasCode } from '../../shared/errors.js';

const INFLATED_CHUNK_BYTES = 128 * 1024;

/** An open file of a log. It stays readable when rotation renames or removes it. */
export interface LogFile extends AsyncDisposable {
  readonly handle: FileHandle;
  readonly compressed: boolean;
  readonly inode: bigint;
  readonly modifiedNs: bigint;
}

/** Opens one file of a log; null if it does not exist. */
export async function openLogFile(path: string, compressed: boolean): Promise<LogFile | null> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
  const { ino, mtimeNs } = await handle.stat({ bigint: true });
  return {
    handle,
    compressed,
    inode: ino,
    modifiedNs: mtimeNs,
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

async function openRotated(path: string, index: number): Promise<LogFile | null> {
  return (await openLogFile(`${path}.${index}`, false)) ?? (await openLogFile(`${path}.${index}.gz`, true));
}

/**
 * Opens the files of a log, oldest first; the current one is last (unless it is missing). `isKnown` stops the search at
 * a file that the caller has read already, which is not among the result. The caller closes them.
 */
export async function openLogFiles(
  path: string,
  isKnown: (file: LogFile) => boolean = () => false,
): Promise<LogFile[]> {
  const files: LogFile[] = [];
  // from the newest to the oldest, as rotation moves them: a file may be met twice, never missed
  let file = await openLogFile(path, false);
  let holes = 0;
  for (let index = 1; holes < 2; index++) {
    if (!file) {
      holes++;
    } else if (files.some((other) => other.inode === file?.inode)) {
      await file[Symbol.asyncDispose]();
    } else if (isKnown(file)) {
      await file[Symbol.asyncDispose]();
      break;
    } else {
      files.push(file);
    }
    file = await openRotated(path, index);
  }
  if (file && holes >= 2) await file[Symbol.asyncDispose]();
  return files.reverse();
}

/** The inflated content of a compressed file, as far as it is intact. Leaves the handle open. */
export async function* readCompressed(file: LogFile): AsyncGenerator<Buffer, void, undefined> {
  const raw = Readable.from(readRaw(file.handle), { objectMode: false });
  const inflated = createGunzip({ chunkSize: INFLATED_CHUNK_BYTES });
  raw.once('error', (error) => inflated.destroy(error));
  try {
    for await (const chunk of raw.pipe(inflated)) yield chunk as Buffer;
  } catch (error) {
    // cut off by a full disk or a power cut: what could be read has been
    if (!hasCode(error, 'Z_DATA_ERROR', 'Z_BUF_ERROR')) throw error;
  } finally {
    raw.destroy();
  }
}

async function* readRaw(handle: FileHandle): AsyncGenerator<Buffer, void, undefined> {
  for (let position = 0; ;) {
    const chunk = Buffer.allocUnsafe(INFLATED_CHUNK_BYTES);
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
}
