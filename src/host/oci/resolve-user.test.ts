import { mkdtempSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decideUser, parseGroup, parsePasswd, resolveUser } from './resolve-user.js';

const passwd = parsePasswd('root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n# c\nbroken\n');
const groups = parseGroup('root:x:0:\napp:x:1001:\nwheel:x:10:app,root\naudio:x:29:app\n');
const decide = (user: string, add: string[] = []): unknown => {
  const { uid, gid, additionalGids, home } = decideUser(user, add, passwd, groups);
  return [uid, gid, additionalGids, home];
};

describe('decideUser', () => {
  it.each([
    ['', [0, 0, [0, 10], '/root']],
    ['app', [1000, 1001, [1001, 10, 29], '/home/app']],
    ['1000', [1000, 1001, [1001, 10, 29], '/home/app']],
    ['app:audio', [1000, 29, [29], '/home/app']],
    ['4711', [4711, 0, [0], '/']],
    ['4711:4712', [4711, 4712, [4712], '/']],
  ])('resolves %j', (user, expected) => expect(decide(user)).toEqual(expected));

  it('keeps the groups given on top, by name and number', () =>
    expect(decide('4711', ['audio', '99'])).toEqual([4711, 0, [0, 29, 99], '/']));

  it.each([
    ['nobody', 'unable to find user nobody: no matching entries in passwd file'],
    ['app:nogroup', 'unable to find group nogroup: no matching entries in group file'],
    ['2147483648', 'uids and gids must be in range 0-2147483647'],
    ['-1', 'uids and gids must be in range 0-2147483647'],
  ])('refuses %j', (user, message) => expect(() => decide(user)).toThrow(message));
});

describe('resolveUser', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'wharf-user-'));
    mkdirSync(join(root, 'rootfs/etc'), { recursive: true });
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it('does without the files for numbers', () => expect(resolveUser(join(root, 'rootfs'), '7:8', []).gid).toBe(8));

  it('does not follow a link out of the root', () => {
    writeFileSync(join(root, 'passwd'), 'evil:x:666:666::/:/bin/sh\n');
    symlinkSync('../../passwd', join(root, 'rootfs/etc/passwd'));
    expect(() => resolveUser(join(root, 'rootfs'), 'evil', [])).toThrow('unable to find user evil');
  });
});
