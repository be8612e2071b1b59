import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { AT_FDCWD, check, cPath, lastErrno, rawSyscall, systemError, type SystemError } from './libc.js';
import { mount } from './mount.js';

const SYS_move_mount = 429;
const SYS_fsopen = 430;
const SYS_fsconfig = 431;
const SYS_fsmount = 432;
const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
const MOUNT_ATTR_RDONLY = 1;

const fsopen = rawSyscall(SYS_fsopen, ['const char *', 'uint']);
const fsconfig = rawSyscall(SYS_fsconfig, ['int', 'uint', 'const char *', 'const char *', 'int']);
const fsmount = rawSyscall(SYS_fsmount, ['int', 'uint', 'uint']);
const moveMount = rawSyscall(SYS_move_mount, ['int', 'const char *', 'int', 'const char *', 'uint']);

export interface OverlayMount {
  /** Topmost first, at least one. */
  lowerDirs: string[];
  /** null: a read-only overlay of the lower directories (at least two of them). */
  upper: { upperDir: string; workDir: string } | null;
  target: string;
  /** More options, `index=off` or a flag like `userxattr`. */
  options: string[];
  source?: string;
}

/**
 * Mounts an overlay with any number of layers that the kernel allows (500). mount(2)'s page of options holds
 * about 40 long paths, so layers are added one by one (`lowerdir+`) where the kernel can (since 6.5), else in one string.
 * Throws a SystemError that names the option that was refused.
 */
export function mountOverlay(overlay: OverlayMount): void {
  try {
    mountByLayers(overlay);
  } catch (error) {
    const code = (error as SystemError).code;
    if (code !== 'EINVAL' && code !== 'ENOSYS' && code !== 'EPERM') throw error;
    mountByString(overlay, error as SystemError);
  }
}

function mountByLayers({ lowerDirs, upper, target, options, source }: OverlayMount): void {
  const fs = check(fsopen('overlay', FSOPEN_CLOEXEC), 'fsopen', target);
  try {
    const set = (key: string, value: string): void => configure(fs, FSCONFIG_SET_STRING, key, value, target);
    set('source', source ?? 'overlay');
    for (const layer of lowerDirs) set('lowerdir+', layer);
    if (upper) {
      set('upperdir', doubleBackslashes(upper.upperDir));
      set('workdir', doubleBackslashes(upper.workDir));
    }
    for (const option of options) {
      const cut = option.indexOf('=');
      if (cut > 0) set(option.slice(0, cut), option.slice(cut + 1));
      else configure(fs, FSCONFIG_SET_FLAG, option, null, target);
    }
    configure(fs, FSCONFIG_CMD_CREATE, null, null, target);
    const tree = check(fsmount(fs, FSMOUNT_CLOEXEC, upper ? 0 : MOUNT_ATTR_RDONLY), 'fsmount', target);
    try {
      const to = cPath(target, 'move_mount');
      check(moveMount(tree, '', AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH), 'move_mount', target);
    } finally {
      closeSync(tree);
    }
  } finally {
    closeSync(fs);
  }
}

/** Unlike layers, the kernel unescapes these two: a backslash has to be doubled. */
const doubleBackslashes = (path: string): string => path.replaceAll('\\', '\\\\');

function configure(fs: number, command: number, key: string | null, value: string | null, target: string): void {
  const path = value === null ? null : cPath(value, 'fsconfig');
  if (fsconfig(fs, command, key, path, 0) >= 0) return;
  const errno = lastErrno();
  throw systemError(errno, 'fsconfig', target, `${key ?? 'create'}${value === null ? '' : `=${value}`}`);
}

/** A colon or a backslash in a path separates layers or escapes, and a comma separates options. */
const escape = (path: string): string => path.replace(/[\\:,]/g, (character) => `\\${character}`);

function mountByString({ lowerDirs, upper, target, options, source }: OverlayMount, first: SystemError): void {
  const data = [
    `lowerdir=${lowerDirs.map(escape).join(':')}`,
    ...(upper ? [`upperdir=${escape(upper.upperDir)}`, `workdir=${escape(upper.workDir)}`] : []),
    ...options,
  ].join(',');
  try {
    mount(source ?? 'overlay', target, 'overlay', 0, data);
  } catch (error) {
    if ((error as SystemError).errno === -constants.errno.E2BIG) throw first;
    throw error;
  }
}
