import type { FileHandle } from 'node:fs/promises';
import type { LogFormat, TailOffset } from './log-format.js';
import { LENGTH_BYTES, LocalRecordEncoder } from './local-record-encoder.js';

/** A line's pieces have 16 KiB; what claims to be much longer is no record. */
const MESSAGE_MAX_BYTES = 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;

/** local: `[length][message][length]`, big endian. Source: files that dockerd's local driver has written. */
export const LOCAL_LOG_FORMAT: LogFormat = {
  endOfWhole: (buffer, _searched, used) => endOfWhole(buffer, used),
  next: (buffer, at) => at + sizeAt(buffer, at),
  terminator: null,
  findTail,
  encoder: (format) => new LocalRecordEncoder(format),
};

const sizeAt = (buffer: Buffer, at: number): number => buffer.readUInt32BE(at) + 2 * LENGTH_BYTES;

function endOfWhole(buffer: Buffer, used: number): number {
  let at = 0;
  while (at + LENGTH_BYTES <= used) {
    const size = sizeAt(buffer, at);
    // what a power cut has left behind: nothing after it can be found
    if (size > MESSAGE_MAX_BYTES) throw new RangeError(`a log record of ${size} bytes`);
    if (at + size > used) break;
    at += size;
  }
  return at;
}

/** From record to record by the length at each one's end. */
async function findTail(handle: FileHandle, sizeBytes: number, count: number): Promise<TailOffset> {
  let records = 0;
  let offset = await wholeSize(handle, sizeBytes);
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let chunkStart = offset;
  while (offset > 0 && records < count) {
    if (offset - chunkStart < LENGTH_BYTES) {
      chunkStart = Math.max(0, offset - chunk.length);
      await readFully(handle, chunk.subarray(0, offset - chunkStart), chunkStart);
    }
    const size = sizeAt(chunk, offset - chunkStart - LENGTH_BYTES);
    if (size > offset) break;
    offset -= size;
    records++;
  }
  return { offset, records };
}

/** The size without a record at the end that is being written; found by its two lengths, or by reading all of the file. */
async function wholeSize(handle: FileHandle, sizeBytes: number): Promise<number> {
  const length = Buffer.alloc(LENGTH_BYTES);
  if (sizeBytes >= 2 * LENGTH_BYTES) {
    await readFully(handle, length, sizeBytes - LENGTH_BYTES);
    const size = sizeAt(length, 0);
    if (size <= Math.min(sizeBytes, MESSAGE_MAX_BYTES)) {
      const trailing = Buffer.from(length);
      await readFully(handle, length, sizeBytes - size);
      if (trailing.equals(length)) return sizeBytes;
    }
  }
  let at = 0;
  while (at + LENGTH_BYTES <= sizeBytes) {
    await readFully(handle, length, at);
    const size = sizeAt(length, 0);
    if (at + size > sizeBytes) break;
    at += size;
  }
  return at;
}

async function readFully(handle: FileHandle, target: Buffer, position: number): Promise<void> {
  for (let done = 0; done < target.length;) {
    const { bytesRead } = await handle.read(target, done, target.length - done, position + done);
    if (bytesRead === 0) throw new RangeError('a log became shorter while it was read');
    done += bytesRead;
  }
}
