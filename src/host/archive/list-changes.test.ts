import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  appendFileSync,
  renameSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mount, umountAll } from '../sys/mount.js';
import { listChanges } from './list-changes.js';

let base: string;
let merged: string;
const lower = (index: number): string => join(base, `lower${index}`);

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'wharf-changes-'));
  // A file system of its own, as the temporary directory may be on an overlay.
  mount('tmpfs', base, 'tmpfs', 0, 'size=16m');
  for (const name of ['lower0', 'lower1', 'upper', 'work', 'merged']) mkdirSync(join(base, name));
  merged = join(base, 'merged');
  mkdirSync(join(lower(1), 'd/e'), { recursive: true });
  mkdirSync(join(lower(1), 'etc'));
  writeFileSync(join(lower(1), 'd/e/f'), 'y');
  writeFileSync(join(lower(1), 'etc/x'), 'hi');
  mkdirSync(join(lower(0), 'etc'));
  writeFileSync(join(lower(0), 'etc/top'), 'top');
  writeFileSync(join(lower(0), 'file'), 'file');
});
afterEach(() => {
  umountAll(merged);
  umountAll(base);
  rmSync(base, { recursive: true });
});

/** Runs something in the mounted overlay and lists what changed, in docker diff's letters. */
async function diff(change: () => void): Promise<string[]> {
  const layers = `lowerdir=${lower(0)}:${lower(1)}`;
  const options = `${layers},upperdir=${join(base, 'upper')},workdir=${join(base, 'work')},index=off,redirect_dir=off,metacopy=off`;
  mount('overlay', merged, 'overlay', 0, options);
  change();
  umountAll(merged);
  const changes = await listChanges(join(base, 'upper'), [lower(0), lower(1)]);
  return changes.map(({ path, kind }) => `${'CAD'[kind]} ${path}`);
}

const at = (path: string): string => join(merged, path);

describe('listChanges', () => {
  it('nothing', async () => {
    expect(await diff(() => undefined)).toEqual([]);
  });

  it('one new file is one line', async () => {
    expect(await diff(() => writeFileSync(at('test'), ''))).toEqual(['A /test']);
  });

  it('lists what dockerd 28.5 lists for the same commands', async () => {
    const changes = await diff(() => {
      writeFileSync(at('etc/new'), '');
      rmSync(at('d'), { recursive: true });
      mkdirSync(at('d'));
      writeFileSync(at('d/z'), 'a');
      symlinkSync('x', at('y'));
      mkdirSync(at('a/b/c'), { recursive: true });
      utimesSync(at('etc/x'), 99, 99);
    });
    expect(changes).toEqual([
      'A /a',
      'A /a/b',
      'A /a/b/c',
      'C /d',
      'A /d/z',
      'D /d/e',
      'C /etc',
      'A /etc/new',
      'C /etc/x',
      'A /y',
    ]);
  });

  it('a directory copied up without a change is none, one with another owner or mode is', async () => {
    expect(await diff(() => utimesSync(at('etc'), 1, 1))).toEqual([]);
    expect(await diff(() => chmodSync(at('etc'), 0o700))).toEqual(['C /etc']);
    expect(await diff(() => chownSync(at('d'), 5, 5))).toEqual(['C /d', 'C /etc']);
  });

  it('files: content, removal in a directory of a lower layer, a name that changes its kind', async () => {
    const changes = await diff(() => {
      appendFileSync(at('file'), 'more');
      rmSync(at('etc/x'));
      rmSync(at('d'), { recursive: true });
      writeFileSync(at('d'), 'a file now');
    });
    expect(changes).toEqual(['C /d', 'C /etc', 'D /etc/x', 'C /file']);
  });

  it('made and removed again is no change', async () => {
    const changes = await diff(() => {
      writeFileSync(at('etc/tmp'), '');
      rmSync(at('etc/tmp'));
      writeFileSync(at('etc/from'), '');
      renameSync(at('etc/from'), at('etc/to'));
    });
    expect(changes).toEqual(['C /etc', 'A /etc/to']);
  });
});
