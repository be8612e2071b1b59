import { AT_REMOVEDIR, AT_SYMLINK_NOFOLLOW, check, cPath, libcFunction, type SysPath } from './libc.js';

export { mknodat } from './mknod.js';
export { utimensatAt } from './utimens.js';

const mkdiratCall = libcFunction<(dirfd: number, path: SysPath, mode: number) => number>('mkdirat', 'int', [
  'int',
  'const char *',
  'uint32',
]);
const symlinkatCall = libcFunction<(target: SysPath, dirfd: number, path: SysPath) => number>('symlinkat', 'int', [
  'const char *',
  'int',
  'const char *',
]);
const linkatCall = libcFunction<(fromFd: number, from: SysPath, toFd: number, to: SysPath, flags: number) => number>(
  'linkat',
  'int',
  ['int', 'const char *', 'int', 'const char *', 'int'],
);
const renameatCall = libcFunction<(fromFd: number, from: SysPath, toFd: number, to: SysPath) => number>(
  'renameat',
  'int',
  ['int', 'const char *', 'int', 'const char *'],
);
const unlinkatCall = libcFunction<(dirfd: number, path: SysPath, flags: number) => number>('unlinkat', 'int', [
  'int',
  'const char *',
  'int',
]);
const fchownatCall = libcFunction<(dirfd: number, path: SysPath, uid: number, gid: number, flags: number) => number>(
  'fchownat',
  'int',
  ['int', 'const char *', 'uint32', 'uint32', 'int'],
);
const fchmodatCall = libcFunction<(dirfd: number, path: SysPath, mode: number, flags: number) => number>(
  'fchmodat',
  'int',
  ['int', 'const char *', 'uint32', 'int'],
);
const readlinkatCall = libcFunction<(dirfd: number, path: SysPath, buffer: Buffer, size: number) => number>(
  'readlinkat',
  'intptr_t',
  ['int', 'const char *', 'void *', 'size_t'],
);

// All of these take a name relative to an open directory, so that a directory swapped for a link under the caller's
// feet can't redirect them. Give them one component: components before the last are resolved as usual.

export function mkdirat(dirfd: number, name: SysPath, mode: number): void {
  check(mkdiratCall(dirfd, cPath(name, 'mkdir'), mode), 'mkdir', name);
}

/** Makes `name` a symbolic link that says `target`. */
export function symlinkat(target: SysPath, dirfd: number, name: SysPath): void {
  check(symlinkatCall(cPath(target, 'symlink'), dirfd, cPath(name, 'symlink')), 'symlink', name);
}

/** Makes a hard link; a symbolic link as source is linked itself. */
export function linkat(fromFd: number, from: SysPath, toFd: number, to: SysPath): void {
  check(linkatCall(fromFd, cPath(from, 'link'), toFd, cPath(to, 'link'), 0), 'link', to);
}

export function renameat(fromFd: number, from: SysPath, toFd: number, to: SysPath): void {
  check(renameatCall(fromFd, cPath(from, 'rename'), toFd, cPath(to, 'rename')), 'rename', to);
}

/** Removes a file, or an empty directory with `{ directory: true }`. */
export function unlinkat(dirfd: number, name: SysPath, options: { directory?: boolean } = {}): void {
  const flags = options.directory ? AT_REMOVEDIR : 0;
  check(unlinkatCall(dirfd, cPath(name, 'unlink'), flags), options.directory ? 'rmdir' : 'unlink', name);
}

/** Changes the owner of the name itself; a link is not followed. */
export function fchownat(dirfd: number, name: SysPath, uid: number, gid: number): void {
  check(fchownatCall(dirfd, cPath(name, 'lchown'), uid, gid, AT_SYMLINK_NOFOLLOW), 'lchown', name);
}

/** Changes the mode. Linux has no modes of links, and this one FOLLOWS a link: never call it for one. */
export function fchmodat(dirfd: number, name: SysPath, mode: number): void {
  check(fchmodatCall(dirfd, cPath(name, 'chmod'), mode, 0), 'chmod', name);
}

/** What the symbolic link says, as bytes. */
export function readlinkat(dirfd: number, name: SysPath): Buffer {
  const buffer = Buffer.allocUnsafe(4096);
  const length = check(readlinkatCall(dirfd, cPath(name, 'readlink'), buffer, buffer.length), 'readlink', name);
  return Buffer.from(buffer.subarray(0, length));
}
