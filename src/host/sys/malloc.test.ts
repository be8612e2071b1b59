import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { libcFunction, optionalLibcFunction } from './libc.js';
import { keepLittleFreedMemory, trimFreedMemory } from './malloc.js';

const malloc = libcFunction<(bytes: number) => bigint>('malloc', 'uint64', ['size_t']);
const memset = libcFunction<(address: bigint, byte: number, bytes: number) => bigint>('memset', 'uint64', [
  'uint64',
  'int',
  'size_t',
]);
const free = libcFunction<(address: bigint) => number>('free', 'int', ['uint64']);
const isGlibc = optionalLibcFunction('gnu_get_libc_version', 'str', []) !== null;

const MIB = 1024 * 1024;
const residentMiB = (): number => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024;

function filled(bytes: number): bigint {
  const address = malloc(bytes);
  memset(address, 1, bytes);
  return address;
}

it.runIf(isGlibc)('gives back what is freed, also after something large was', () => {
  keepLittleFreedMemory();
  // By itself the C library would keep twice as much from now on.
  free(filled(30 * MIB));
  // What Node happens to allocate meanwhile at the end of the heap holds fast what is freed below: then more is put on top of it.
  const givenBack = [1, 2, 3, 4, 5].map((attempt) => {
    const blocks = Array.from({ length: attempt * 100 }, () => filled(100_000));
    const most = residentMiB();
    for (const block of blocks.reverse()) free(block);
    return most - residentMiB();
  });
  expect(Math.max(...givenBack)).toBeGreaterThan(5);
});

it('trims on a thread', async () => {
  await trimFreedMemory();
});
