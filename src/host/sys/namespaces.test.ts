import {
  closeSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mounts } from './mount.js';
import { createNetns, inNetns, openNetns, pinNetns, removeNetns } from './namespaces.js';

const OWN = '/proc/thread-self/ns/net';
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'wharf-netns-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('network namespaces', () => {
  it('are made, entered, left and removed', () => {
    const path = join(dir, 'deep/ns');
    const home = readlinkSync(OWN);
    const openFiles = readdirSync('/proc/self/fd').length;
    createNetns(path);
    const inside = inNetns(path, () => readlinkSync(OWN));
    expect(inside).toBe(`net:[${statSync(path).ino}]`);
    expect(inside).not.toBe(home);
    expect(readlinkSync(OWN)).toBe(home);
    removeNetns(path);
    removeNetns(path);
    expect(existsSync(path)).toBe(false);
    expect(mounts().some((entry) => entry.mountPoint === path)).toBe(false);
    expect(readdirSync('/proc/self/fd').length).toBe(openFiles);
  });

  it('comes back when the function throws', () => {
    const path = join(dir, 'ns');
    const home = readlinkSync(OWN);
    createNetns(path);
    try {
      expect(() =>
        inNetns(path, () => {
          throw new Error('inside');
        }),
      ).toThrow('inside');
      expect(readlinkSync(OWN)).toBe(home);
    } finally {
      removeNetns(path);
    }
  });

  it('does not replace a file that is there', () => {
    const path = join(dir, 'ns');
    writeFileSync(path, 'mine');
    expect(() => createNetns(path)).toThrow('EEXIST');
    expect(statSync(path).size).toBe(4);
  });

  it('refuses a path that is no namespace', () => {
    const path = join(dir, 'file');
    writeFileSync(path, '');
    expect(() => inNetns(path, () => 1)).toThrow('EINVAL');
  });
});

describe('a network namespace held by a descriptor', () => {
  it('shows in no mount, and is the same one when it is pinned to a path', () => {
    const path = join(dir, 'pinned');
    const home = readlinkSync(OWN);
    const { fd, inside } = openNetns(() => readlinkSync(OWN));
    try {
      expect(inside).not.toBe(home);
      expect(readlinkSync(OWN)).toBe(home);
      expect(mounts().some(({ root }) => root === inside)).toBe(false);
      pinNetns(fd, path);
      expect(inNetns(path, () => readlinkSync(OWN))).toBe(inside);
    } finally {
      closeSync(fd);
      removeNetns(path);
    }
    expect(existsSync(path)).toBe(false);
  });

  it('goes with its descriptor when the function throws', () => {
    const openFiles = readdirSync('/proc/self/fd').length;
    expect(() =>
      openNetns(() => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(readdirSync('/proc/self/fd').length).toBe(openFiles);
  });
});
