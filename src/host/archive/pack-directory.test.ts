import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mknodSync } from '../sys/mknod.js';
import { constants } from 'node:fs';
import { lsetxattr } from '../sys/xattr.js';
import { archivePath } from './archive-path.js';
import { packDirectory } from './pack-directory.js';
import { describeTree } from './testing/describe-tree.js';
import { TarReader } from './tar-reader.js';
import { unpackLayer } from './unpack-layer.js';

let base: string;
let from: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'wharf-pack-'));
  from = join(base, 'from');
  mkdirSync(from);
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

function names(archive: Buffer): string[] {
  const seen: string[] = [];
  const reader = new TarReader({
    entry: (entry) => seen.push(entry.name),
    data: () => undefined,
    entryEnd: () => undefined,
  });
  reader.push(archive);
  reader.finish();
  return seen;
}

function makeTree(): void {
  mkdirSync(join(from, 'dir', 'sub'), { recursive: true });
  mkdirSync(join(from, 'x'.repeat(150)));
  writeFileSync(join(from, 'x'.repeat(150), 'é'), 'long and no ASCII');
  writeFileSync(join(from, 'dir', 'file'), Buffer.alloc(700_001, 3));
  writeFileSync(join(from, 'empty'), '');
  linkSync(join(from, 'dir', 'file'), join(from, 'hard'));
  symlinkSync('/dir/file', join(from, 'link'));
  mknodSync(join(from, 'null'), constants.S_IFCHR | 0o666, 1, 3);
  chownSync(join(from, 'empty'), 3_000_000, 12);
  chmodSync(join(from, 'empty'), 0o4711);
  chmodSync(join(from, 'dir'), 0o1777);
  lsetxattr(join(from, 'empty'), 'security.capability', Buffer.from('0100000200200000000000000000000000000000', 'hex'));
  for (const path of ['hard', 'empty', 'null', 'dir/sub', 'dir', 'x'.repeat(150)]) utimesSync(join(from, path), 5, 5);
}

describe('packDirectory', () => {
  it('round trips', async () => {
    makeTree();
    const to = join(base, 'to');
    mkdirSync(to);
    await unpackLayer(packDirectory(from), to);
    expect(describeTree(to, { times: false })).toEqual(describeTree(from, { times: false }));
    execFileSync('touch', ['-d', '@5', from, to]);
    execFileSync('find', [from, to, '-exec', 'touch', '-h', '-d', '@5', '{}', '+']);
    expect(describeTree(to)).toEqual(describeTree(from));
  });

  it('is understood by GNU tar', async () => {
    makeTree();
    const to = join(base, 'to');
    mkdirSync(to);
    const archive = await buffer(packDirectory(from));
    execFileSync('tar', ['-C', to, '--xattrs', '--xattrs-include=*', '-px'], { input: archive });
    expect(describeTree(to, { times: false }).slice(1)).toEqual(describeTree(from, { times: false }).slice(1));
  });

  it('gives the same bytes again, in byte order, without sockets and without an entry for itself', async () => {
    makeTree();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(from, 'socket'), resolve));
    const [one, two] = await Promise.all([buffer(packDirectory(from)), buffer(packDirectory(from))]);
    await new Promise((resolve) => server.close(resolve));
    expect(one.equals(two)).toBe(true);
    const long = `${'x'.repeat(150)}/`;
    const unicode = Buffer.from(`${long}é`).toString('latin1');
    const expected = ['dir/', 'dir/file', 'dir/sub/', 'empty', 'hard', 'link', 'null', long, unicode];
    expect(names(one)).toEqual(expected);
  });

  it('writes overlay marks as a layer has them', async () => {
    mkdirSync(join(from, 'd'));
    mknodSync(join(from, 'd', 'gone'), constants.S_IFCHR, 0, 0);
    lsetxattr(join(from, 'd'), 'trusted.overlay.opaque', Buffer.from('y'));
    const archive = await buffer(packDirectory(from, { layer: true }));
    expect(names(archive)).toEqual(['d/', 'd/.wh..wh..opq', 'd/.wh.gone']);
    const to = join(base, 'to');
    mkdirSync(to);
    await unpackLayer(packDirectory(from, { layer: true }), to);
    expect(describeTree(to, { times: false })).toEqual(describeTree(from, { times: false }));
  });

  it('fails on what is no directory, stops when destroyed or aborted', async () => {
    writeFileSync(join(base, 'file'), '');
    await expect(buffer(packDirectory(join(base, 'file')))).rejects.toThrow('not a directory');
    writeFileSync(join(from, 'big'), Buffer.alloc(30_000_000));
    const abort = new AbortController();
    const aborted = packDirectory(from, { signal: abort.signal });
    for await (const _ of aborted.iterator({ destroyOnReturn: false })) break;
    abort.abort(new Error('enough'));
    await expect(buffer(aborted)).rejects.toThrow('enough');
    const destroyed = packDirectory(from);
    for await (const _ of destroyed) break;
    expect(destroyed.destroyed).toBe(true);
  });
});

describe('archivePath', () => {
  const list = async (path: string): Promise<string[]> => names(await buffer(archivePath(from, path).stream));

  it('names entries by the last component asked for', async () => {
    mkdirSync(join(from, 'etc'));
    writeFileSync(join(from, 'etc', 'x'), 'x');
    symlinkSync('/etc', join(from, 'l'));
    expect(await list('/etc')).toEqual(['etc/', 'etc/x']);
    expect(await list('etc/')).toEqual(['etc/', 'etc/x']);
    expect(await list('/etc/.')).toEqual(['./', './x']);
    expect(await list('/')).toEqual(['/', '/etc/', '/etc/x', '/l']);
    expect(await list('/l/x')).toEqual(['x']);
    expect(await list('/l')).toEqual(['l']);
    expect(await list('/l/')).toEqual(['l/', 'l/x']);
    expect(await list('/../../etc/x')).toEqual(['x']);
  });

  it('links do not lead out of the root', () => {
    writeFileSync(join(base, 'secret'), 's');
    symlinkSync('..', join(from, 'up'));
    symlinkSync(base, join(from, 'abs'));
    for (const path of ['/up/secret', '/abs/secret', '/../secret']) {
      expect(() => archivePath(from, path)).toThrow(`Could not find the file ${path}`);
    }
  });

  it('stats as Docker does', () => {
    mkdirSync(join(from, 'd'));
    chmodSync(join(from, 'd'), 0o1777);
    writeFileSync(join(from, 'd', 'su'), 'abc');
    chmodSync(join(from, 'd', 'su'), 0o6755);
    utimesSync(join(from, 'd', 'su'), 1.5, 1.5);
    symlinkSync('../d/su', join(from, 'd', 'l'));
    const stat = (path: string): object => archivePath(from, path).stat;
    expect(stat('/d')).toMatchObject({ name: 'd', mode: 0x80000000 + 0x100000 + 0o777, linkTarget: '' });
    expect(stat('/d/su')).toMatchObject({ sizeBytes: 3, mode: 0xc00000 + 0o755, mtime: '1970-01-01T00:00:01.5Z' });
    expect(stat('/d/l')).toMatchObject({ name: 'l', mode: 0x8000000 + 0o777, linkTarget: '/d/su' });
    expect(() => stat('/d/su/')).toThrow('lstat /d/su/: not a directory');
  });
});
