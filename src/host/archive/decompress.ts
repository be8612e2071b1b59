import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { Decompress as ZstdDecompress } from 'fzstd';
import { ArchiveError, errnoOf, UNEXPECTED_EOF } from './archive-error.js';
import { YoungGarbage } from './young-garbage.js';

export type Compression = 'none' | 'gzip' | 'zstd' | 'bzip2' | 'xz';

const INFLATE_CHUNK_BYTES = 256 * 1024;
const MAGIC_BYTES = 6;

/** What the first bytes of a stream say about its compression. Six bytes are enough to tell. */
export function detectCompression(head: Buffer): Compression {
  const starts = (...bytes: number[]): boolean => bytes.every((byte, index) => head[index] === byte);
  if (starts(0x1f, 0x8b, 0x08)) return 'gzip';
  if (starts(0x28, 0xb5, 0x2f, 0xfd)) return 'zstd';
  // A skippable frame of zstd may come first: 0x184D2A50 to 0x184D2A5F, little-endian.
  if (((head[0] ?? 0) & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18) return 'zstd';
  if (starts(0x42, 0x5a, 0x68)) return 'bzip2';
  if (starts(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return 'xz';
  return 'none';
}

/**
 * Inflates a stream, told by its first bytes. gzip may consist of several members and be followed by zeros; xz and bzip2 are run with the
 * host's tools, never with binaries of a container. The result fails with ArchiveError: `unexpected EOF` when the input is cut short,
 * else the fault of the format. Destroying the result destroys the source. Rejects when the source fails before its first bytes.
 */
export async function decompress(source: Readable): Promise<{ stream: Readable; compression: Compression }> {
  const { head, rest } = await peek(source);
  const compression = detectCompression(head);
  return {
    stream: Readable.from(inflated(compression, rest), { objectMode: false, highWaterMark: 1 << 20 }),
    compression,
  };
}

/** As decompress(), for code that consumes chunks itself. A chunk of `source` need not be valid any more once the next is asked for. */
export function inflated(compression: Compression, source: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  switch (compression) {
    case 'none':
      return source;
    case 'gzip':
      return throughStream(copied(source), zlib.createGunzip({ chunkSize: INFLATE_CHUNK_BYTES }));
    case 'zstd':
      return inflateZstd(copied(source));
    case 'bzip2':
      return throughTool(copied(source), 'bzip2', ['-dc']);
    case 'xz':
      return throughTool(copied(source), 'xz', ['-dc']);
  }
}

/** Reads enough to tell the compression; `rest` yields everything from the first byte on. */
export async function peek(source: AsyncIterable<Buffer>): Promise<{ head: Buffer; rest: AsyncIterable<Buffer> }> {
  const iterator = source[Symbol.asyncIterator]();
  const chunks: Buffer[] = [];
  let bytes = 0;
  while (bytes < MAGIC_BYTES) {
    const next = await iterator.next();
    if (next.done) break;
    // Of a short chunk a copy: it need not outlive the next.
    chunks.push(next.value.length < MAGIC_BYTES ? Buffer.from(next.value) : next.value);
    bytes += next.value.length;
  }
  async function* rest(): AsyncGenerator<Buffer> {
    try {
      for (let chunk = chunks.shift(); chunk; chunk = chunks.shift()) yield chunk;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { head: Buffer.concat(chunks).subarray(0, MAGIC_BYTES), rest: rest() };
}

/** Inflaters hold on to what they are given. */
async function* copied(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of source) yield Buffer.from(chunk);
}

/** Node's inflater follows the source chunk by chunk; a failure of either side ends both. */
async function* throughStream(source: AsyncIterable<Buffer>, inflater: zlib.Gunzip): AsyncGenerator<Buffer> {
  const input = Readable.from(source, { objectMode: false });
  input.on('error', (error) => inflater.destroy(error));
  input.pipe(inflater);
  try {
    const garbage = new YoungGarbage();
    for await (const chunk of inflater as AsyncIterable<Buffer>) {
      yield chunk;
      garbage.drop(chunk.length);
    }
  } catch (error) {
    throw gzipFault(error);
  } finally {
    inflater.destroy();
    // What follows the last member is no data, but it belongs to the stream, whose digest somebody may compute.
    input.unpipe(inflater);
    if (!input.destroyed && !input.readableEnded) await drain(input);
  }
}

async function drain(input: Readable): Promise<void> {
  for await (const chunk of input) void chunk;
}

function gzipFault(error: unknown): unknown {
  const code = errnoOf(error);
  if (code === 'Z_BUF_ERROR') return new ArchiveError(UNEXPECTED_EOF, null, error);
  if (code === 'Z_DATA_ERROR') {
    const what = (error as Error).message;
    if (what.includes('header')) return new ArchiveError('gzip: invalid header', null, error);
    if (what.includes('incorrect data check')) return new ArchiveError('gzip: invalid checksum', null, error);
    return new ArchiveError(`flate: corrupt input: ${what}`, null, error);
  }
  return error;
}

async function* inflateZstd(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let ready: Buffer[] = [];
  const inflater = new ZstdDecompress((data) => {
    if (data.length > 0) ready.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  });
  const push = (chunk: Uint8Array, final: boolean): Buffer[] => {
    try {
      inflater.push(chunk, final);
    } catch (error) {
      const message = final ? UNEXPECTED_EOF : `zstd: ${error instanceof Error ? error.message : String(error)}`;
      throw new ArchiveError(message, null, error);
    }
    const out = ready;
    ready = [];
    return out;
  };
  for await (const chunk of source) yield* push(chunk, false);
  yield* push(new Uint8Array(0), true);
}

/** Pipes through a tool of the host. Its message tells truncation from other faults. */
async function* throughTool(source: AsyncIterable<Buffer>, tool: string, args: string[]): AsyncGenerator<Buffer> {
  const child = spawn(tool, args, { cwd: '/', stdio: ['pipe', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const exited = new Promise<number | null>((resolve, reject) => {
    child.on('error', (error) => reject(new ArchiveError(`${tool}: ${error.message}`, errnoOf(error), error)));
    child.on('close', resolve);
  });
  exited.catch(() => child.stdout.destroy());
  const feeding = feed(source, child.stdin);
  feeding.catch((error: Error) => child.stdout.destroy(error));
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    const code = await exited;
    await feeding;
    if (code === 0) return;
    const truncated = /unexpected end|ends unexpectedly/i.test(stderr);
    throw new ArchiveError(truncated ? UNEXPECTED_EOF : `${tool}: ${stderr.trim() || `exit status ${code}`}`);
  } finally {
    child.kill('SIGKILL');
    child.stdout.destroy();
  }
}

/** Writes everything to a tool's stdin; a tool that stops reading reports why by itself. */
async function feed(source: AsyncIterable<Buffer>, stdin: NodeJS.WritableStream): Promise<void> {
  let broken = false;
  stdin.on('error', () => (broken = true));
  for await (const chunk of source) {
    if (broken || stdin.write(chunk)) continue;
    await new Promise<void>((resolve) => {
      stdin.once('drain', resolve);
      stdin.once('error', () => resolve());
      stdin.once('close', resolve);
    });
  }
  stdin.end();
}
