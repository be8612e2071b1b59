import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { hasCode } from '../../shared/errors.js';
import { parseGzipComment } from './gzip-comment.js';

const INFLATED_CHUNK_BYTES = 128 * 1024;
const GZIP_HEAD_BYTES = 256;

/** An open file of a log. It stays readable when rotation renames or removes it. */
export interface LogFile extends AsyncDisposable {
  readonly handle: FileHandle;
  readonly inode: bigint;
  readonly compressed: boolean;
  /** What a compressed file was made from; null: unknown, as with files that others have compressed. */
  readonly origin: LogFileIdentity | null;
}

/** What tells one file of a log from the others: its number alone may be given to another file when it is removed. */
export interface LogFileIdentity {
  readonly inode: bigint;
  /** When it was written last. */
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
  const { ino } = await handle.stat({ bigint: true });
  return {
    handle,
    inode: ino,
    compressed,
    origin: compressed ? await originOf(handle) : null,
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

async function originOf(handle: FileHandle): Promise<LogFileIdentity | null> {
  const head = Buffer.alloc(GZIP_HEAD_BYTES);
  const { bytesRead } = await handle.read(head, 0, head.length, 0);
  const named = /^(\d+) (\d+)\.(\d{9})$/.exec(parseGzipComment(head.subarray(0, bytesRead)));
  if (!named) return null;
  return { inode: BigInt(named[1] ?? 0), modifiedNs: BigInt(`${named[2]}${named[3]}`) };
}

/** Whether two open files are the same one, or one is what was compressed to make the other. */
export async function isSameLogFile(a: LogFile, b: LogFile): Promise<boolean> {
  if (a.inode === b.inode) return true;
  if (!a.compressed && !b.compressed) return false;
  const one = a.compressed ? a.origin : await identityOf(a);
  const other = b.compressed ? b.origin : await identityOf(b);
  return one !== null && other !== null && one.inode === other.inode && one.modifiedNs === other.modifiedNs;
}

/** Asked for when it is needed: the file may be written in between. */
async function identityOf({ handle }: LogFile): Promise<LogFileIdentity> {
  const { ino, mtimeNs } = await handle.stat({ bigint: true });
  return { inode: ino, modifiedNs: mtimeNs };
}

/** When it was written last; final, and not the same as another's, from the moment when it is rotated. */
async function lastWrittenNs(file: LogFile): Promise<bigint> {
  return file.origin?.modifiedNs ?? (await identityOf(file)).modifiedNs;
}

async function isAmong(files: readonly LogFile[], file: LogFile): Promise<boolean> {
  for (const other of files) if (await isSameLogFile(other, file)) return true;
  return false;
}

async function openRotated(path: string, index: number): Promise<LogFile | null> {
  return (await openLogFile(`${path}.${index}`, false)) ?? (await openLogFile(`${path}.${index}.gz`, true));
}

/**
 * Opens the files of a log, oldest first; the current one is last (unless it is missing). The search stops at `known`, a file
 * that the caller has read already, which is not among the result. The caller closes them.
 */
export async function openLogFiles(path: string, known: LogFile | null = null): Promise<LogFile[]> {
  const files: LogFile[] = [];
  const knownNs = known && (await lastWrittenNs(known));
  // from the newest to the oldest, as rotation moves them: a file may be met twice, in either form, never missed
  let file = await openLogFile(path, false);
  for (let index = 1, holes = 0; holes < 2; index++) {
    if (!file) {
      holes++;
    } else if (known && knownNs !== null && (await isRead(file, index, known, knownNs))) {
      await file[Symbol.asyncDispose]();
      break;
    } else if (await isAmong(files, file)) {
      await file[Symbol.asyncDispose]();
    } else {
      files.push(file);
    }
    if (holes < 2) file = await openRotated(path, index);
  }
  return withoutNewer(path, files);
}

async function isRead(file: LogFile, index: number, known: LogFile, knownNs: bigint): Promise<boolean> {
  if (await isSameLogFile(known, file)) return true;
  // the current one has a time of its own only when it is rotated
  return index > 1 && (await lastWrittenNs(file)) < knownNs;
}

/** Oldest first, without those that the log has gone on in while it was searched: rotation may have moved them into the way. */
async function withoutNewer(path: string, files: LogFile[]): Promise<LogFile[]> {
  const [first, ...others] = files;
  if (!first || others.length === 0) return files;
  if ((await inodeAt(path)) === first.inode) return files.reverse();
  const limitNs = await lastWrittenNs(first);
  const kept: { file: LogFile; ns: bigint }[] = [];
  for (const file of others.reverse()) {
    const ns = await lastWrittenNs(file);
    if (ns <= limitNs) kept.push({ file, ns });
    else await file[Symbol.asyncDispose]();
  }
  kept.sort((a, b) => (a.ns < b.ns ? -1 : a.ns > b.ns ? 1 : 0));
  return [...kept.map(({ file }) => file), first];
}

/** The number of the file at a path; null if there is none. */
export async function inodeAt(path: string): Promise<bigint | null> {
  try {
    return (await stat(path, { bigint: true })).ino;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
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
