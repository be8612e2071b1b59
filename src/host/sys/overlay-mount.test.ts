import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mount, umount, umountAll } from './mount.js';
import { mountOverlay } from './overlay-mount.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'wharf-overlay-'));
  // A file system of its own: overlay can't stand on another overlay's upper directory.
  mount('tmpfs', dir, 'tmpfs', 0, 'size=16m');
});
afterEach(() => {
  umountAll(join(dir, 'merged'));
  umountAll(dir);
  rmSync(dir, { recursive: true });
});

const make = (name: string, file?: string): string => {
  const path = join(dir, name);
  mkdirSync(path, { recursive: true });
  if (file !== undefined) writeFileSync(join(path, file), name);
  return path;
};

describe('mountOverlay', () => {
  it('mounts more layers than fit in a page of options, topmost first', () => {
    const padding = 'x'.repeat(100);
    const lowerDirs = Array.from({ length: 120 }, (_, index) => make(`${padding}-${index}`, `f${index}`));
    for (const index of [0, 1]) writeFileSync(join(lowerDirs[index] ?? '', 'same'), String(index));
    const upper = { upperDir: make('upper'), workDir: make('work') };
    const target = make('merged');
    mountOverlay({ lowerDirs, upper, target, options: ['index=off'] });
    expect(readdirSync(target)).toHaveLength(121);
    expect(readFileSync(join(target, 'same'), 'utf8')).toBe('0');
    writeFileSync(join(target, 'new'), '');
    expect(readdirSync(upper.upperDir)).toEqual(['new']);
    umount(target);
  });

  it('takes colons, commas and backslashes in paths', () => {
    const upper = { upperDir: make('up:per,x\\'), workDir: make('wo:rk,y\\') };
    const target = make('merged');
    mountOverlay({ lowerDirs: [make('lo:wer,z\\', 'f')], upper, target, options: [] });
    writeFileSync(join(target, 'g'), '');
    expect(readdirSync(target).sort()).toEqual(['f', 'g']);
    expect(readdirSync(upper.upperDir)).toEqual(['g']);
  });

  it('mounts read-only without an upper directory', () => {
    const target = make('merged');
    mountOverlay({ lowerDirs: [make('a', 'fa'), make('b', 'fb')], upper: null, target, options: [] });
    expect(readdirSync(target).sort()).toEqual(['fa', 'fb']);
    expect(() => writeFileSync(join(target, 'x'), '')).toThrow('EROFS');
  });

  it('leaves nothing when a layer is missing', () => {
    const target = make('merged');
    expect(() => mountOverlay({ lowerDirs: [join(dir, 'nope')], upper: null, target, options: [] })).toThrow('ENOENT');
    expect(readdirSync(target)).toEqual([]);
  });
});
