import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { asyncLibcFunction, check, cPath, lastErrno, libcFunction, type SysPath, systemError } from './libc.js';

/** Flags of mount(2). */
export const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  SYNCHRONOUS: 16,
  REMOUNT: 32,
  DIRSYNC: 128,
  NOSYMFOLLOW: 256,
  NOATIME: 1024,
  NODIRATIME: 2048,
  BIND: 4096,
  MOVE: 8192,
  REC: 16384,
  SILENT: 32768,
  UNBINDABLE: 1 << 17,
  PRIVATE: 1 << 18,
  SLAVE: 1 << 19,
  SHARED: 1 << 20,
  RELATIME: 1 << 21,
  STRICTATIME: 1 << 24,
  LAZYTIME: 1 << 25,
} as const;

/** Flags of umount2(2). */
export const MNT_FORCE = 1;
export const MNT_DETACH = 2;
export const UMOUNT_NOFOLLOW = 8;

const mountCall = libcFunction<
  (source: SysPath | null, target: SysPath, type: string | null, flags: number, data: SysPath | null) => number
>('mount', 'int', ['const char *', 'const char *', 'const char *', 'ulong', 'const char *']);
const umountCall = libcFunction<(target: SysPath, flags: number) => number>('umount2', 'int', ['const char *', 'int']);
const umountOnThread = asyncLibcFunction<[target: SysPath, flags: number], number>('umount2', 'int', [
  'const char *',
  'int',
]);

/**
 * mount(2). `data` are the file system's options, at most one page (4095 bytes): the kernel cuts the rest off without a
 * word, so longer data throws E2BIG; use `mountOverlay` for many layers.
 * Throws a SystemError.
 */
export function mount(
  source: SysPath | null,
  target: SysPath,
  fstype: string | null,
  flags = 0,
  data: string | null = null,
): void {
  if (data !== null && Buffer.byteLength(data) > 4095) {
    throw Object.assign(new Error(`E2BIG: argument list too long, mount '${target.toString()}'`), {
      code: 'E2BIG',
      errno: -7,
      syscall: 'mount',
      path: target.toString(),
    });
  }
  const from = source === null ? null : cPath(source, 'mount');
  check(mountCall(from, cPath(target, 'mount'), fstype, flags, data), 'mount', target);
}

/** umount2(2). MNT_DETACH takes it away at once and lets the users of it finish. Throws EINVAL when it is no mount point. */
export function umount(target: SysPath, flags = 0): void {
  check(umountCall(cPath(target, 'umount'), flags), 'umount', target);
}

/** Unmounts everything that is stacked on the path; nothing mounted there, or no such path, is fine. Returns how many. */
export function umountAll(target: SysPath, flags: number = MNT_DETACH | UMOUNT_NOFOLLOW): number {
  for (let count = 0; ; count++) {
    const result = umountCall(cPath(target, 'umount'), flags);
    if (result === 0) continue;
    const errno = lastErrno();
    if (errno === constants.errno.EINVAL || errno === constants.errno.ENOENT) return count;
    throw systemError(errno, 'umount', target);
  }
}

/**
 * As `umountAll`, on one of libuv's threads: each unmount waits a third of a millisecond for the kernel's readers, and with the last user of
 * a file system for the disk. Unmounts that go on at the same time share the former.
 */
export async function umountAllOnThread(target: SysPath, flags: number = MNT_DETACH | UMOUNT_NOFOLLOW): Promise<void> {
  // Its error is lost there, and the FFI takes 256 such calls at once: then the next call does it, or meets the error again.
  await umountOnThread(cPath(target, 'umount'), flags).catch(() => undefined);
  umountAll(target, flags);
}

/** Makes a path a mount point of its own with private propagation, so that nothing mounted below leaks out of it. */
export function makePrivate(path: SysPath): void {
  const already = mounts().some((entry) => entry.mountPoint === path.toString());
  if (!already) mount(path, path, null, MS.BIND);
  mount(null, path, null, MS.PRIVATE);
}

/** One line of /proc/self/mountinfo. */
export interface MountInfo {
  id: number;
  parentId: number;
  major: number;
  minor: number;
  /** The part of the file system that is mounted: `/` unless it is a bind mount. */
  root: string;
  mountPoint: string;
  options: string[];
  /** `shared:7`, `master:3`, … ; none when private. */
  propagation: string[];
  fsType: string;
  source: string;
  superOptions: string[];
}

/** The mounts that this process sees, in the order of the kernel (a later one hides an earlier one at the same place). */
export function mounts(file = '/proc/self/mountinfo'): MountInfo[] {
  return parseMountInfo(readFileSync(file, 'utf8'));
}

/** Parses the text of a mountinfo file. Source: proc_pid_mountinfo(5). */
export function parseMountInfo(text: string): MountInfo[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(parseLine);
}

function parseLine(line: string): MountInfo {
  const fields = line.split(' ');
  const separator = fields.indexOf('-', 6);
  const at = (index: number): string => fields[index] ?? '';
  const [major = '0', minor = '0'] = at(2).split(':');
  return {
    id: Number(at(0)),
    parentId: Number(at(1)),
    major: Number(major),
    minor: Number(minor),
    root: unescapeOctal(at(3)),
    mountPoint: unescapeOctal(at(4)),
    options: at(5).split(','),
    propagation: fields.slice(6, separator),
    fsType: at(separator + 1),
    source: unescapeOctal(at(separator + 2)),
    superOptions: at(separator + 3).split(','),
  };
}

/** Blank, tab, newline and backslash are written as \040 and so on, byte by byte. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}
