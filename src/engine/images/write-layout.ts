import type { Readable } from 'node:stream';
import { encodeHeader, END_OF_ARCHIVE, paddingAfter } from '../../host/archive/tar-writer.js';
import { internal } from '../../shared/errors.js';

/** A file of an archive of images. */
export interface LayoutFile {
  path: string;
  mtimeNs: bigint;
  sizeBytes: number;
  content: Buffer | (() => Promise<Readable>);
}

/** The bytes of a tar with these files, in this order, below the folders of a layout's blobs. */
export async function* writeLayout(files: LayoutFile[], signal: AbortSignal): AsyncGenerator<Buffer> {
  const base = { uid: 0, gid: 0, linkName: '', deviceMajor: 0, deviceMinor: 0, xattrs: null };
  const directoryTime = files.reduce((latest, file) => (file.mtimeNs > latest ? file.mtimeNs : latest), 0n);
  for (const name of ['blobs/', 'blobs/sha256/']) {
    if (!files.some((file) => file.path.startsWith(name))) continue;
    yield encodeHeader({ ...base, name, type: 'directory', mode: 0o755, sizeBytes: 0, mtimeNs: directoryTime });
  }
  for (const file of files) {
    signal.throwIfAborted();
    const { path, sizeBytes, mtimeNs, content } = file;
    yield encodeHeader({ ...base, name: path, type: 'file', mode: 0o644, sizeBytes, mtimeNs });
    if (Buffer.isBuffer(content)) yield content;
    else yield* exactly(await content(), sizeBytes, path, signal);
    yield paddingAfter(sizeBytes);
  }
  yield END_OF_ARCHIVE;
}

async function* exactly(
  stream: Readable,
  sizeBytes: number,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  let seen = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      seen += chunk.length;
      if (seen > sizeBytes) break;
      yield chunk;
    }
  } finally {
    stream.destroy();
  }
  // A header that promised another size would shift everything after it.
  if (seen !== sizeBytes) throw internal(`${path} has ${seen} bytes instead of ${sizeBytes}`);
}
