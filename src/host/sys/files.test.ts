import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  lstatSync,
  mkdtempSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fchmodat, fchownat, linkat, mkdirat, readlinkat, symlinkat, unlinkat, utimensatAt } from './at.js';
import { lockFile } from './flock.js';
import { makeDevice, mknodat, mknodSync, splitDevice } from './mknod.js';
import { mount, mounts, parseMountInfo, umount } from './mount.js';
import { openat2, RESOLVE } from './openat2.js';
import { utimensat } from './utimens.js';
import { lgetxattr, llistxattr, lremovexattr, lsetxattr } from './xattr.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'wharf-sys-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const codeOf = (fn: () => unknown): string | undefined => {
  try {
    fn();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

describe('mknod', () => {
  it('makes device nodes with 12-bit majors and 20-bit minors', () => {
    mknodSync(join(dir, 'c'), constants.S_IFCHR | 0o600, 259, 65_793);
    const stat = statSync(join(dir, 'c'));
    expect(stat.isCharacterDevice()).toBe(true);
    expect(splitDevice(stat.rdev)).toEqual({ major: 259, minor: 65_793 });
    expect(BigInt(stat.rdev)).toBe(makeDevice(259, 65_793));
  });

  it('says which call failed, in the words of Node', () => {
    expect(() => mknodSync(join(dir, 'no/such'), constants.S_IFIFO | 0o600, 0, 0)).toThrow(
      `ENOENT: no such file or directory, mknod '${dir}/no/such'`,
    );
  });

  it('refuses a name with a NUL instead of cutting it short', () => {
    expect(codeOf(() => mknodSync(`${dir}/a\0b`, constants.S_IFIFO | 0o600, 0, 0))).toBe('EINVAL');
    expect(codeOf(() => lstatSync(join(dir, 'a')))).toBe('ENOENT');
  });
});

describe('xattr', () => {
  it('sets, reads, lists and removes binary values, on links too', () => {
    const file = join(dir, 'f');
    writeFileSync(file, '');
    symlinkSync('nowhere', join(dir, 'l'));
    const value = Buffer.from([0, 1, 255, 0]);
    lsetxattr(file, 'trusted.wharf', value);
    lsetxattr(join(dir, 'l'), 'trusted.overlay.opaque', Buffer.from('y'));
    expect(lgetxattr(file, 'trusted.wharf')).toEqual(value);
    expect(llistxattr(file)).toContain('trusted.wharf');
    expect(lgetxattr(join(dir, 'l'), 'trusted.overlay.opaque')?.toString()).toBe('y');
    lremovexattr(file, 'trusted.wharf');
    expect(lgetxattr(file, 'trusted.wharf')).toBeNull();
    expect(codeOf(() => lremovexattr(file, 'trusted.wharf'))).toBe('ENODATA');
  });
});

describe('openat2', () => {
  it('keeps absolute links and .. inside the root', () => {
    mkdirSync(join(dir, 'root/etc'), { recursive: true });
    writeFileSync(join(dir, 'secret'), 'outside');
    writeFileSync(join(dir, 'root/secret'), 'inside');
    symlinkSync('/secret', join(dir, 'root/etc/abs'));
    symlinkSync('../../../../secret', join(dir, 'root/etc/rel'));
    const root = openSync(join(dir, 'root'), constants.O_DIRECTORY);
    try {
      for (const path of ['etc/abs', 'etc/rel', '../secret']) {
        const fd = openat2(root, path, { flags: constants.O_RDONLY, resolve: RESOLVE.IN_ROOT });
        expect(readFileSync(fd, 'utf8')).toBe('inside');
        closeSync(fd);
      }
      const beneath = (path: string) => () => openat2(root, path, { flags: 0, resolve: RESOLVE.BENEATH });
      expect(codeOf(beneath('etc/rel'))).toBe('EXDEV');
      expect(codeOf(() => openat2(root, 'etc/abs', { flags: 0, resolve: RESOLVE.NO_SYMLINKS }))).toBe('ELOOP');
    } finally {
      closeSync(root);
    }
  });
});

describe('calls relative to a directory', () => {
  it('makes, owns, dates and removes without resolving links', () => {
    const fd = openSync(dir, constants.O_DIRECTORY);
    try {
      mkdirat(fd, 'd', 0o700);
      symlinkat('/etc/passwd', fd, 'l');
      fchownat(fd, 'l', 4_000_000_001, 7);
      utimensatAt(fd, 'l', 1n, -1_500_000_001n);
      mknodat(fd, 'p', constants.S_IFIFO | 0o600, 0, 0);
      linkat(fd, 'l', fd, 'l2');
      fchmodat(fd, 'd', 0o1777);
      const link = lstatSync(join(dir, 'l'), { bigint: true });
      expect(link.uid).toBe(4_000_000_001n);
      expect(link.nlink).toBe(2n);
      expect(readlinkat(fd, 'l2').toString()).toBe('/etc/passwd');
      expect(statSync(join(dir, 'd')).mode & 0o7777).toBe(0o1777);
      expect(execFileSync('stat', ['-c', '%Y %y', join(dir, 'l')], { env: { TZ: 'UTC' } }).toString()).toContain(
        '23:59:58.499999999',
      );
      for (const name of ['l', 'l2', 'p']) unlinkat(fd, name);
      unlinkat(fd, 'd', { directory: true });
      expect(codeOf(() => unlinkat(fd, 'd'))).toBe('ENOENT');
    } finally {
      closeSync(fd);
    }
  });

  it('keeps nanoseconds that a double would lose', () => {
    const file = join(dir, 'f');
    writeFileSync(file, '');
    utimensat(file, 1_700_000_000_123_456_789n, 1_700_000_000_987_654_321n);
    const stat = lstatSync(file, { bigint: true });
    expect([stat.atimeNs, stat.mtimeNs]).toEqual([1_700_000_000_123_456_789n, 1_700_000_000_987_654_321n]);
  });

  it('takes names that are not UTF-8', () => {
    const fd = openSync(dir, constants.O_DIRECTORY);
    mkdirat(fd, Buffer.from([0xff, 0x61]), 0o755);
    expect(lstatSync(Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0xff, 0x61])])).isDirectory()).toBe(true);
    closeSync(fd);
  });
});

describe('lockFile', () => {
  it('lets one process in until it is disposed of', () => {
    const path = join(dir, 'lock');
    const lock = lockFile(path);
    expect(codeOf(() => lockFile(path))).toBe('EAGAIN');
    lock[Symbol.dispose]();
    lock[Symbol.dispose]();
    lockFile(path)[Symbol.dispose]();
  });
});

describe('mount', () => {
  it('mounts and unmounts a tmpfs and sees it in mountinfo', () => {
    const target = join(dir, 'with blank\\');
    mkdirSync(target);
    mount('wharf-test', target, 'tmpfs', 0, 'size=64k');
    try {
      expect(mounts().find((entry) => entry.mountPoint === target)).toMatchObject({
        fsType: 'tmpfs',
        source: 'wharf-test',
      });
    } finally {
      umount(target);
    }
    expect(mounts().some((entry) => entry.mountPoint === target)).toBe(false);
    expect(codeOf(() => umount(target))).toBe('EINVAL');
  });

  it('refuses options that the kernel would cut', () => {
    expect(codeOf(() => mount('x', dir, 'tmpfs', 0, 'x'.repeat(4096)))).toBe('E2BIG');
  });

  it('parses optional fields', () => {
    const [entry] = parseMountInfo(
      '36 35 98:0 /mnt1 /a\\040b rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue\n',
    );
    expect(entry).toMatchObject({
      mountPoint: '/a b',
      propagation: ['master:1', 'shared:2'],
      fsType: 'ext3',
      major: 98,
    });
  });
});
