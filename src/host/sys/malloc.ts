import { optionalLibcFunction } from './libc.js';

/** glibc's own; other C libraries have none and need none. */
const trim = optionalLibcFunction<{ async(padBytes: number, done: () => void): void }>('malloc_trim', 'int', [
  'size_t',
]);

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
