import { readFileSync } from 'node:fs';
import { lastErrno, libcFunction, systemError } from './libc.js';

const MADV_DONTNEED = 4;

const madvise = libcFunction<(address: bigint, bytes: number, advice: number) => number>('madvise', 'int', [
  'uint64',
  'size_t',
  'int',
]);

/**
 * Lets go of the pages of code that this process has touched, its own and its libraries'. They stay in the page cache as long as the kernel
 * likes, and those that are needed come back with a minor fault each (16 at a time). Most of Node's code runs once, at the start.
 * Throws a SystemError.
 */
export function releaseCodePages(): void {
  for (const line of readFileSync('/proc/self/maps', 'utf8').split('\n')) {
    // address perms offset dev inode path; only what is executable and a file's: nobody has ever written to that
    const [, from = '', to = '', inode = '0'] = /^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ (\d+)/.exec(line) ?? [];
    if (inode === '0') continue;
    const start = BigInt(`0x${from}`);
    if (madvise(start, Number(BigInt(`0x${to}`) - start), MADV_DONTNEED) < 0) throw systemError(lastErrno(), 'madvise');
  }
}
