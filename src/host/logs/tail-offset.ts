import type { FileHandle } from 'node:fs/promises';
import type { TailOffset } from './log-format.js';

const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/**
 * Finds the last `count` lines (1 or more) before `sizeBytes`, reading backwards from there and no further than needed. A
 * line that is not ended yet counts.
 */
export async function findTailOffset(handle: FileHandle, sizeBytes: number, count: number): Promise<TailOffset> {
  const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(sizeBytes, 1)));
  let records = 0;
  for (let end = sizeBytes; end > 0;) {
    const start = Math.max(0, end - chunk.length);
    const { bytesRead } = await handle.read(chunk, 0, end - start, start);
    if (bytesRead < end - start) break;
    let at = bytesRead;
    for (;;) {
      at = at > 0 ? chunk.lastIndexOf(NEWLINE, at - 1) : -1;
      if (at < 0) break;
      // the last byte's newline ends the last line and begins none
      if (start + at + 1 === sizeBytes) continue;
      records++;
      if (records === count) return { offset: start + at + 1, records };
    }
    end = start;
  }
  return { offset: 0, records: sizeBytes > 0 ? records + 1 : 0 };
}
