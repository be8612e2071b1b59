import { optionalLibcFunction } from './libc.js';

/** glibc's own; other C libraries have none and need none. */
const trim = optionalLibcFunction<{ async(padBytes: number, done: () => void): void }>('malloc_trim', 'int', [
  'size_t',
]);
const setOption = optionalLibcFunction<(option: number, value: number) => number>('mallopt', 'int', ['int', 'int']);

const M_TRIM_THRESHOLD = -1;
const M_MMAP_THRESHOLD = -3;

/** How much a thread may keep of what it has freed at the end of its heap. */
const KEPT_BYTES = 512 * 1024;
/** From this size on an allocation is a mapping of its own. */
const MAPPED_BYTES = 4 * 1024 * 1024;

/**
 * Has the C library give freed memory back to the kernel soon. By itself it raises both limits when something large is freed, such as the
 * source of this program, to twice that; and what threads keep at the ends of their heaps, some MiB each, is out of reach of trimFreedMemory().
 */
export function keepLittleFreedMemory(): void {
  setOption?.(M_TRIM_THRESHOLD, KEPT_BYTES);
  setOption?.(M_MMAP_THRESHOLD, MAPPED_BYTES);
}

/**
 * Gives memory that was freed back to the kernel, on a thread of its own: the C library keeps it otherwise. What allocates meanwhile may
 * wait a little. Resolves when it is done, at once where there is no such function.
 */
export function trimFreedMemory(): Promise<void> {
  return new Promise((resolve) => {
    if (trim === null) resolve();
    else trim.async(0, () => resolve());
  });
}
