import { existsSync } from 'node:fs';
import { internal } from '../../../shared/errors.js';
import { detectCompression, inflated, peek } from '../decompress.js';
import { encodeHeader, END_OF_ARCHIVE, paddingAfter } from '../tar-writer.js';
import type { JobContext } from './job-context.js';
import { readFileChunks } from './unpack-layer-job.js';

/** A file of an archive of images. */
export interface LayoutFile {
  path: string;
  mtimeNs: bigint;
  sizeBytes: number;
  content: Uint8Array | LayoutSource;
}

/** Content that is in one of these files: the first that is there. `isPacked`: it is what that file inflates to. */
export interface LayoutSource {
  forms: { file: string; isPacked: boolean }[];
}

/** Writes a tar with these files, in this order, below the folders of a layout's blobs. */
export async function layoutJob({ files }: { files: LayoutFile[] }, context: JobContext): Promise<null> {
  const base = { uid: 0, gid: 0, linkName: '', deviceMajor: 0, deviceMinor: 0, xattrs: null };
  const directoryTime = files.reduce((latest, file) => (file.mtimeNs > latest ? file.mtimeNs : latest), 0n);
  for (const name of ['blobs/', 'blobs/sha256/']) {
    if (!files.some((file) => file.path.startsWith(name))) continue;
    const header = { ...base, name, type: 'directory' as const, mode: 0o755, sizeBytes: 0, mtimeNs: directoryTime };
    await context.emit(encodeHeader(header));
  }
  for (const file of files) {
    context.signal.throwIfAborted();
    const { path, sizeBytes, mtimeNs, content } = file;
    await context.emit(encodeHeader({ ...base, name: path, type: 'file', mode: 0o644, sizeBytes, mtimeNs }));
    if ('forms' in content) await copy(content, file, context);
    else await context.emit(Buffer.from(content));
    await context.emit(paddingAfter(sizeBytes));
  }
  await context.emit(END_OF_ARCHIVE);
  return null;
}

async function copy(source: LayoutSource, { path, sizeBytes }: LayoutFile, context: JobContext): Promise<void> {
  let seen = 0;
  for await (const chunk of open(source, path)) {
    context.signal.throwIfAborted();
    seen += chunk.length;
    if (seen > sizeBytes) break;
    await context.emit(chunk);
  }
  // A header that promised another size would shift everything after it.
  if (seen !== sizeBytes) throw internal(`${path} has ${seen} bytes instead of ${sizeBytes}`);
}

async function* open({ forms }: LayoutSource, path: string): AsyncGenerator<Buffer> {
  const found = forms.find(({ file }) => existsSync(file));
  if (!found) throw internal(`${path} is missing`);
  const chunks = readFileChunks(found.file);
  if (!found.isPacked) {
    yield* chunks;
    return;
  }
  const { head, rest } = await peek(chunks);
  yield* inflated(detectCompression(head), rest);
}
