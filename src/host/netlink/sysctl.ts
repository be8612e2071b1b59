import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Writes a kernel setting, named by its path below /proc/sys (`net/ipv4/ip_forward`). Settings of the network are those of
 * the namespace that this thread is in, so inside `inNetns` it writes that one's. Writes nothing when it is set already.
 * Returns whether it had to be changed. Throws ENOENT where the kernel has none of that name.
 */
export function writeSysctl(path: string, value: string | number): boolean {
  if (readSysctl(path) === String(value)) return false;
  writeFileSync(`/proc/sys/${path}`, String(value));
  return true;
}

/** The value of a kernel setting without its newline; null where the kernel has none of that name. */
export function readSysctl(path: string): string | null {
  try {
    return readFileSync(`/proc/sys/${path}`, 'utf8').trim();
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return null;
    throw error;
  }
}
