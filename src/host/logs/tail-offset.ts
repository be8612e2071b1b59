import type { FileHandle } from 'node:fs/promises';

const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/** Where the last lines of a file begin, and how many of those asked for there are. */
export interface TailOffset {
  readonly offset: number;
  readonly lines: number;
}

/**
 * Finds the last `count` lines (1 or more) before `sizeBytes`, reading backwards from there and no further than needed. A
 * line that is not ended yet counts.
 */
export async function findTailOffset(handle: FileHandle, sizeBytes: number, count: number): Promise<TailOffset> {
  const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(sizeBytes, 1)));
  let lines = 0;
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
      lines++;
      if (lines === count) return { offset: start + at + 1, lines };
    }
    end = start;
  }
  return { offset: 0, lines: sizeBytes > 0 ? lines + 1 : 0 };
}
