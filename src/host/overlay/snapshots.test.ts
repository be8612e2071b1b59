import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  lstatSync,
  chmodSync,
} from 'node:fs';
import { createHash, randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listChanges } from '../archive/list-changes.js';
import { mount, mounts, MS, umountAll } from '../sys/mount.js';
import { diskSpace } from './disk-space.js';
import { chainIdsOf } from '../../shared/chain-id.js';
import { LayerStore } from './layer-store.js';
import { graphDriverData, Snapshots } from './snapshots.js';

let base: string;
let store: LayerStore;
let snapshots: Snapshots;
const newId = (): string => randomBytes(32).toString('hex');

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'wharf-overlay-'));
  // A file system of its own, as the temporary directory may be on an overlay.
  mount('tmpfs', base, 'tmpfs', 0, 'size=64m');
  store = new LayerStore(join(base, 'overlay2'));
  snapshots = new Snapshots(store);
});
afterEach(() => {
  for (const { mountPoint } of mounts().reverse()) if (mountPoint.startsWith(`${base}/`)) umountAll(mountPoint);
  umountAll(base);
  rmSync(base, { recursive: true });
});

const digest = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

/** Commits layers of one function each and returns the chain, bottom first. */
async function layers(...fills: ((directory: string) => void)[]): Promise<string[]> {
  const chain = chainIdsOf(fills.map((_, index) => digest(`layer ${index}`)));
  for (const [index, fill] of fills.entries()) {
    const pending = store.prepare();
    fill(pending.directory);
    await pending.commit({ chainId: chain[index] ?? '', diffId: digest(`layer ${index}`), sizeBytes: index });
  }
  return chain;
}

describe('chain IDs', () => {
  it('are those of the OCI image specification', () => {
    const [a, b] = [digest('a'), digest('b')];
    expect(chainIdsOf([a, b])).toEqual([a, digest(`${a} ${b}`)]);
    expect(chainIdsOf([a])).toEqual([a]);
  });
});

describe('LayerStore', () => {
  it('knows committed layers, also after a restart, and nothing else', async () => {
    const chain = await layers((path) => writeFileSync(join(path, 'f'), ''));
    store.prepare();
    mkdirSync(join(base, 'overlay2', 'f'.repeat(64)));
    const again = new LayerStore(join(base, 'overlay2'));
    expect(again.list()).toEqual(store.list());
    expect(again.get(chain[0] ?? '')).toMatchObject({ diffId: digest('layer 0'), sizeBytes: 0 });
    expect(() => again.get(digest('nope'))).toThrow('layer does not exist');
    await expect(again.prepare().commit({ chainId: '../../etc', diffId: '', sizeBytes: 0 })).rejects.toThrow(
      'not a chain ID',
    );
  });

  it('aborts without a trace, and the second of two commits gives way', async () => {
    const before = readdirSync(join(base, 'overlay2'));
    const chain = digest('x');
    await store.prepare().abort();
    expect(readdirSync(join(base, 'overlay2'))).toEqual(before);
    const [one, two] = [store.prepare(), store.prepare()];
    writeFileSync(join(one.directory, 'one'), '');
    const first = await one.commit({ chainId: chain, diffId: chain, sizeBytes: 1 });
    expect(await two.commit({ chainId: chain, diffId: chain, sizeBytes: 1 })).toEqual(first);
    expect(readdirSync(first.directory)).toEqual(['one']);
    expect(readdirSync(join(base, 'overlay2')).filter((name) => name.startsWith('unpack-'))).toEqual([]);
  });

  it('removes and sweeps', async () => {
    const chain = await layers(
      () => undefined,
      () => undefined,
      () => undefined,
    );
    store.remove(chain[2] ?? '');
    store.remove(chain[2] ?? '');
    store.prepare();
    symlinkSync('../gone/diff', join(base, 'overlay2/l/DANGLING'));
    expect(await store.sweep(new Set([chain[0] ?? '']))).toBe(2);
    expect(store.list().map((layer) => layer.chainId)).toEqual([chain[0]]);
    expect(readdirSync(join(base, 'overlay2/l'))).toEqual([store.get(chain[0] ?? '').link]);
    expect(readdirSync(join(base, 'overlay2'))).toHaveLength(2);
  });
});

describe('Snapshots', () => {
  it.each([0, 1, 3, 130, 200])('mounts a container on %i layers', async (count) => {
    const fills = Array.from({ length: count }, (_, index) => (path: string): void => {
      writeFileSync(join(path, `f${index}`), '');
      writeFileSync(join(path, 'same'), String(index));
    });
    const chain = await layers(...fills);
    const id = newId();
    const cwd = process.cwd();
    snapshots.create(id, chain);
    const root = snapshots.mount(id);
    expect(process.cwd()).toBe(cwd);
    expect(readdirSync(root).filter((name) => /^f\d/.test(name))).toHaveLength(count);
    if (count > 0) expect(readFileSync(join(root, 'same'), 'utf8')).toBe(String(count - 1));
    writeFileSync(join(root, 'new'), 'x'.repeat(1000));
    expect(await snapshots.sizeRwBytes(id)).toBe(1000);
    await snapshots.remove(id);
    await store.trash.settled();
    expect(mounts().filter(({ mountPoint }) => mountPoint.startsWith(`${base}/`))).toEqual([]);
    expect(snapshots.ids()).toEqual([]);
    // The init layer stays with the image.
    expect(readdirSync(join(base, 'overlay2/l'))).toHaveLength(count + 1);
    expect(readdirSync(join(base, 'overlay2'))).toHaveLength(count + 2);
    for (const layer of chain) store.remove(layer);
    await store.trash.settled();
    if (count > 0) expect(readdirSync(join(base, 'overlay2'))).toEqual(['l']);
  });

  it('mounts volatile where nothing has to survive, and again after that', async () => {
    const id = newId();
    snapshots.create(id, await layers((path) => writeFileSync(join(path, 'below'), '')));
    // Newer kernels write `fsync=volatile`.
    const isMountedVolatile = (): boolean | undefined =>
      mounts()
        .find(({ mountPoint }) => mountPoint === snapshots.get(id).merged)
        ?.superOptions.some((option) => option.endsWith('volatile'));
    writeFileSync(join(snapshots.mount(id, { isVolatile: true }), 'kept'), 'kept');
    expect(isMountedVolatile()).toBe(true);
    await snapshots.unmount(id);
    expect(isMountedVolatile()).toBeUndefined();
    for (const isVolatile of [true, false]) {
      const root = snapshots.mount(id, { isVolatile });
      expect(isMountedVolatile()).toBe(isVolatile);
      expect(readFileSync(join(root, 'kept'), 'utf8')).toBe('kept');
      await snapshots.unmount(id);
    }
  });

  it('unmounts at once what somebody still uses', async () => {
    const id = newId();
    snapshots.create(id, await layers((path) => writeFileSync(join(path, 'below'), 'still there')));
    const user = openSync(join(snapshots.mount(id), 'below'), 'r');
    const unmounted = snapshots.unmount(id);
    expect(mounts().map(({ mountPoint }) => mountPoint)).not.toContain(snapshots.get(id).merged);
    await unmounted;
    expect(readFileSync(user, 'utf8')).toBe('still there');
    closeSync(user);
    await snapshots.unmount(id);
    await snapshots.unmount(newId());
    snapshots.mount(id);
    await snapshots.unmountAside(id);
    expect(snapshots.mounted(id)).toBeNull();
    await snapshots.unmountAside(newId());
  });

  it('gives mount points that diff does not show, and keeps what the image has', async () => {
    const chain = await layers((path) => {
      mkdirSync(join(path, 'etc'));
      chmodSync(join(path, 'etc'), 0o750);
      writeFileSync(join(path, 'etc/passwd'), 'root');
      symlinkSync('../run/resolv.conf', join(path, 'etc/resolv.conf'));
      symlinkSync('elsewhere', join(path, 'dev'));
      chmodSync(path, 0o711);
    });
    const id = newId();
    const snapshot = snapshots.create(id, chain);
    const root = snapshots.mount(id);
    for (const name of ['.dockerenv', 'etc/hosts', 'etc/hostname', 'etc/resolv.conf', 'dev/console']) {
      const stat = lstatSync(join(root, name));
      expect([name, stat.isFile(), stat.size]).toEqual([name, true, 0]);
    }
    for (const name of ['dev', 'dev/pts', 'dev/shm', 'proc', 'sys']) {
      expect([name, lstatSync(join(root, name)).isDirectory()]).toEqual([name, true]);
    }
    expect(lstatSync(join(root, 'etc/mtab')).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(root, 'etc/passwd'), 'utf8')).toBe('root');
    expect(statSync(join(root, 'etc')).mode & 0o777).toBe(0o750);
    expect(statSync(root).mode & 0o777).toBe(0o755);
    writeFileSync(join(root, 'test'), '');
    expect(await listChanges(snapshot.upper, snapshot.lowers)).toEqual([{ path: '/test', kind: 1 }]);
  });

  it('tells what dockerd tells in inspect', async () => {
    const chain = await layers(
      () => undefined,
      () => undefined,
    );
    const id = newId();
    const snapshot = snapshots.create(id, chain);
    expect(snapshots.get(id)).toEqual(snapshot);
    const at = join(base, 'overlay2');
    const [bottom, top] = chain.map((layer) => join(at, layer.slice(7), 'diff'));
    expect(graphDriverData(snapshot)).toEqual({
      ID: id,
      LowerDir: `${at}/init1-${chain.at(-1)?.slice(7)}/diff:${top}:${bottom}`,
      MergedDir: `${at}/${id}/merged`,
      UpperDir: `${at}/${id}/diff`,
      WorkDir: `${at}/${id}/work`,
    });
  });

  it('shows an image read-only, whatever its number of layers', async () => {
    const chain = await layers(
      (path) => writeFileSync(join(path, 'a'), ''),
      (path) => writeFileSync(join(path, 'b'), ''),
    );
    const target = join(base, 'view');
    mkdirSync(target);
    for (const count of [0, 1, 2]) {
      snapshots.mountReadOnlyView(chain.slice(0, count), target);
      expect(readdirSync(target)).toEqual(['a', 'b'].slice(0, count));
      expect(() => writeFileSync(join(target, 'x'), '')).toThrow('EROFS');
      umountAll(target);
    }
  });

  it('creates all or nothing', async () => {
    const chain = await layers(() => undefined);
    const before = readdirSync(join(base, 'overlay2'), { recursive: true });
    expect(() => snapshots.create(newId(), [...chain, digest('missing')])).toThrow('layer does not exist');
    expect(readdirSync(join(base, 'overlay2'), { recursive: true })).toEqual(before);
    const id = newId();
    snapshots.create(id, chain);
    writeFileSync(join(snapshots.get(id).upper, 'precious'), '');
    expect(() => snapshots.create(id, chain)).toThrow('already');
    expect(existsSync(join(snapshots.get(id).upper, 'precious'))).toBe(true);
  });

  describe('made ahead', () => {
    const mountsHere = (): string[] =>
      mounts()
        .filter(({ mountPoint }) => mountPoint.startsWith(`${base}/`))
        .map(({ mountPoint }) => mountPoint);
    const volatile = { isVolatile: true };

    it('are what is created of the same', async () => {
      const chain = await layers((path) => writeFileSync(join(path, 'below'), ''));
      const id = newId();
      snapshots.prepare(id, chain, volatile);
      const root = join(base, 'overlay2', id, 'merged');
      const { ino } = statSync(root);
      const snapshot = snapshots.create(id, chain, volatile);
      expect(snapshot).toEqual(snapshots.get(id));
      expect([snapshots.mounted(id), statSync(root).ino, readdirSync(root).includes('below')]).toEqual([
        root,
        ino,
        true,
      ]);
      expect(() => snapshots.create(id, chain, volatile)).toThrow('already');
      store.remove(chain[0]!);
      expect(mountsHere()).toEqual([root]);
      await snapshots.remove(id);
      expect(mountsHere()).toEqual([]);
    });

    it('give way to others', async () => {
      const chain = await layers(
        () => undefined,
        (path) => writeFileSync(join(path, 'top'), ''),
      );
      const others: [string[], object][] = [
        [chain, { isVolatile: false }],
        [chain, {}],
        [chain.slice(0, 1), volatile],
        [[], volatile],
      ];
      for (const [otherChain, options] of others) {
        const id = newId();
        snapshots.prepare(id, chain, volatile);
        snapshots.create(id, otherChain, options);
        expect(mountsHere()).toEqual([]);
        const root = snapshots.mount(id);
        expect(existsSync(join(root, 'top'))).toBe(otherChain === chain);
        await snapshots.remove(id);
      }
    });

    it('go before a create that finds no layers', async () => {
      const chain = await layers(() => undefined);
      const id = newId();
      snapshots.prepare(id, chain, volatile);
      expect(() => snapshots.create(id, [digest('missing')], volatile)).toThrow('layer does not exist');
      await snapshots.remove(id);
      expect([mountsHere(), snapshots.ids()]).toEqual([[], []]);
    });

    it('go with any of the layers below, and are made anew on new ones', async () => {
      const chain = await layers(
        () => undefined,
        () => undefined,
      );
      const [id, other] = [newId(), newId()];
      snapshots.prepare(id, chain, volatile);
      snapshots.prepare(other, chain.slice(0, 1), volatile);
      store.remove(chain[1]!);
      expect(mountsHere()).toEqual([join(base, 'overlay2', other, 'merged')]);
      expect(snapshots.ids()).toEqual([other]);
      await layers(
        () => undefined,
        () => undefined,
      );
      snapshots.create(id, chain, volatile);
      expect(snapshots.mounted(id)).toBeNull();
    });

    it('do not keep a layer that goes, also where they can not', async () => {
      const faults: unknown[] = [];
      store = new LayerStore(join(base, 'overlay2'), (error) => faults.push(error));
      snapshots = new Snapshots(store);
      const chain = await layers(() => undefined);
      const id = newId();
      snapshots.prepare(id, chain, volatile);
      // Nobody can move a mount point.
      const path = join(base, 'overlay2', id);
      mount(path, path, '', MS.BIND, '');
      store.remove(chain[0]!);
      expect([store.list(), faults]).toEqual([[], [expect.objectContaining({ code: 'EBUSY' })]]);
      umountAll(path);
      await snapshots.remove(id);
      expect([mountsHere(), snapshots.ids()]).toEqual([[], []]);
    });

    it('leave nothing when they can not be made', async () => {
      const chain = await layers(() => undefined);
      snapshots.create(newId(), chain);
      const before = readdirSync(join(base, 'overlay2'));
      expect(() => snapshots.prepare(newId(), [digest('missing')], volatile)).toThrow('layer does not exist');
      rmSync(join(base, 'overlay2/l', store.get(chain[0]!).link));
      expect(() => snapshots.prepare(newId(), chain, volatile)).toThrow();
      expect(readdirSync(join(base, 'overlay2'))).toEqual(before);
    });
  });

  it('leaves nothing when the disk is full', async () => {
    const chain = await layers(() => undefined);
    const first = newId();
    snapshots.create(first, chain);
    await snapshots.remove(first);
    await store.trash.settled();
    const { availableBytes } = diskSpace(base);
    const before = readdirSync(join(base, 'overlay2'), { recursive: true });
    writeFileSync(join(base, 'fill'), Buffer.alloc(availableBytes - 16 * 4096));
    let failed = 0;
    const made: string[] = [];
    for (let attempts = 0; attempts < 40 && failed === 0; attempts++) {
      const id = newId();
      try {
        snapshots.create(id, chain);
        made.push(id);
      } catch (error) {
        expect((error as { code: string }).code).toBe('ENOSPC');
        failed++;
      }
    }
    expect(failed).toBe(1);
    for (const id of made) await snapshots.remove(id);
    await store.trash.settled();
    expect(readdirSync(join(base, 'overlay2'), { recursive: true })).toEqual(before);
  });

  it('sweeps containers that nobody knows, mounted ones too', async () => {
    const chain = await layers(() => undefined);
    const [kept, lost] = [newId(), newId()];
    for (const id of [kept, lost]) snapshots.create(id, chain);
    snapshots.mount(lost);
    expect(await snapshots.sweep(new Set([kept]))).toEqual([lost]);
    expect(snapshots.ids()).toEqual([kept]);
    expect(store.has(chain[0] ?? '')).toBe(true);
  });

  it('explains a data-root that can not carry an overlay', async () => {
    const chain = await layers(() => undefined);
    const id = newId();
    snapshots.create(id, chain);
    const root = snapshots.mount(id);
    const inner = new Snapshots(new LayerStore(join(root, 'overlay2')));
    const other = newId();
    inner.create(other, []);
    expect(() => inner.mount(other)).toThrow(/can't hold the upper layer/);
  });
});
