import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { JobContext } from '../archive/jobs/job-context.js';

const READ_BYTES = 1024 * 1024;

/** The digest of a file's bytes. */
export async function hashFileJob({ path }: { path: string }, context: JobContext): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES }) as AsyncIterable<Buffer>) {
    context.signal.throwIfAborted();
    hash.update(chunk);
  }
  return `sha256:${hash.digest('hex')}`;
}
