/**
 * File names in archives are bytes, and not all of them are UTF-8. Inside this folder a name is a "binary" string: one
 * character per byte (latin1), which compares, sorts and splits as the bytes do.
 */

const ASCII = /^[\x00-\x7f]*$/;

/** The name as Node's fs and the system calls take it. */
export function sysName(name: string): string | Buffer {
  return ASCII.test(name) ? name : Buffer.from(name, 'latin1');
}

/** The name as a human or a JSON reply sees it. */
export function displayName(name: string): string {
  return ASCII.test(name) ? name : Buffer.from(name, 'latin1').toString('utf8');
}

/** A binary name from ordinary text. */
export function binaryName(text: string): string {
  return ASCII.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** `/proc/self/fd/N/name`: the name in an open directory, for calls that take no directory descriptor. */
export function pathIn(directoryFd: number, name: string): string | Buffer {
  return sysName(`/proc/self/fd/${directoryFd}/${name}`);
}

/** `a/b` for `a/b/c`, `` for `a`. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

/** `c` for `a/b/c`. */
export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** `a/b` from parent and name, where the parent may be the root (``). */
export function joinName(parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`;
}

/**
 * A name of an archive made relative and free of `.`, `..` and double slashes; `` is the root itself. An absolute name is taken
 * from the root, as dockerd does; null when `..` climbs above it.
 */
export function cleanEntryName(raw: string): string | null {
  if (!raw.includes('//') && !raw.includes('.') && !raw.startsWith('/') && !raw.endsWith('/')) return raw;
  const parts: string[] = [];
  for (const part of raw.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return null;
  }
  return parts.join('/');
}

/** As cleanEntryName(), but `..` stops at the root, as it does in a chroot. */
export function cleanInRoot(raw: string): string {
  const parts: string[] = [];
  for (const part of raw.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}
