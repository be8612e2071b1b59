import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 2048;

const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;

/**
 * Random bytes as hexadecimal digits, two for each, none given twice: for ids and names. They are drawn from a pool, since one call of the
 * generator takes as long as a system call or two, for 2 KiB as for 8 bytes. Not for secrets: the pool stays in memory.
 */
export function randomHex(bytes: number): string {
  if (bytes > POOL_BYTES) throw new RangeError(`at most ${POOL_BYTES} bytes at once`);
  if (used + bytes > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('hex', used - bytes, used);
}
