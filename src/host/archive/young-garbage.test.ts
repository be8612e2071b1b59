import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { decompress } from './decompress.js';

it('keeps what an inflated stream leaves behind small', async () => {
  const packed = gzipSync(Buffer.alloc(128 * 1024 * 1024), { level: 1 });
  const before = process.memoryUsage().arrayBuffers;
  const { stream } = await decompress(Readable.from([packed], { objectMode: false }));
  let bytes = 0;
  let most = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  expect(bytes).toBe(128 * 1024 * 1024);
  // 4 MiB and what is under way; a collection may leave as much to its successor. Without one it is 60 MiB and more.
  expect(most).toBeLessThan(16 * 1024 * 1024);
});
