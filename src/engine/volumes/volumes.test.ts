import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { mounts } from '../../host/sys/mount.js';
import { parseMountOptions } from '../../host/volumes/mount-options.js';
import { VolumeDirectories } from '../../host/volumes/volume-directories.js';
import { silentLogger } from '../../shared/logger.js';
import { openDatabase, type WharfDatabase } from '../../store/database.js';
import { VolumeStore } from '../../store/volumes.js';
import { Volumes } from './volumes.js';

let root: string;
let db: WharfDatabase;
let events: string[];
let volumes: Volumes;

function open(): Volumes {
  return new Volumes({
    store: new VolumeStore(db),
    directories: new VolumeDirectories(root),
    emit: ({ action, actorId, attributes }) => events.push(`${action} ${actorId} ${JSON.stringify(attributes)}`),
    log: silentLogger,
  });
}

const create = (name: string, more: object = {}) =>
  volumes.create({ name, driver: '', driverOpts: {}, labels: {}, ...more });
const filters = (object: Record<string, string[]>) => new Map(Object.entries(object));
const names = (object: Record<string, string[]>) => volumes.list(filters(object)).volumes.map(({ name }) => name);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'wharf-vol-'));
  db = openDatabase(':memory:', silentLogger);
  events = [];
  volumes = open();
});
afterEach(() => {
  db.close();
  rmSync(root, { recursive: true });
});

describe('create', () => {
  it('makes a named volume once', async () => {
    const made = await create('data', { labels: { a: 'b' } });
    expect(made).toMatchObject({
      name: 'data',
      driver: 'local',
      anonymous: false,
      mountpoint: join(root, 'data/_data'),
    });
    expect(existsSync(made.mountpoint)).toBe(true);
    expect(await create('data', { labels: { other: 'x' } })).toBe(made);
    expect(events).toEqual(['create data {"driver":"local"}']);
  });

  it('gives one without name 64 hex digits and the label', async () => {
    const made = await create('');
    expect(made.name).toMatch(/^[0-9a-f]{64}$/);
    expect(made.anonymous).toBe(true);
    expect(made.labels).toEqual({ 'com.docker.volume.anonymous': '' });
  });

  it.each([
    [
      'a/b',
      {},
      'create a/b: "a/b" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
    ],
    ['a', {}, 'create a: volume name is too short, names should be at least two alphanumeric characters'],
    ['-a', {}, /includes invalid characters/],
    ['..', {}, /includes invalid characters/],
    ['ab', { driver: 'nope' }, 'create ab: error looking up volume plugin nope: plugin "nope" not found'],
    ['ab', { driverOpts: { bogus: 'x' } }, 'create ab: invalid option: "bogus"'],
    ['ab', { driverOpts: { type: 'tmpfs' } }, 'create ab: missing required option: "device"'],
    ['ab', { driverOpts: { device: '/x' } }, 'create ab: missing required option: "type"'],
    ['ab', { driverOpts: { size: '1m' } }, 'create ab: quota size requested but no quota support'],
    ['ab', { driverOpts: { size: 'bogus' } }, "create ab: invalid size: 'bogus'"],
    ['ab', { driverOpts: { type: '' } }, 'create ab: missing required option: "device"'],
  ])('refuses %j %j', async (name, more, message) => {
    await expect(create(name, more)).rejects.toThrow(message);
    expect(readdirSync(root)).toEqual([]);
  });
});

describe('remove and references', () => {
  it('refuses while containers use it, also after a restart', async () => {
    await create('data');
    volumes.reference('data', 'c1');
    volumes.reference('data', 'c2');
    volumes = open();
    await expect(volumes.remove('data', true)).rejects.toThrow('remove data: volume is in use - [c1, c2]');
    volumes.unreference('data', 'c1');
    volumes.unreference('data', 'c2');
    await volumes.remove('data', false);
    expect(readdirSync(root)).toEqual([]);
    expect(() => volumes.inspect('data')).toThrow('get data: no such volume');
    expect(events.at(-1)).toBe('destroy data {"driver":"local"}');
    expect(open().list(new Map()).volumes).toEqual([]);
  });

  it('knows no volume that is not there, unless forced', async () => {
    await expect(volumes.remove('nope', false)).rejects.toThrow('get nope: no such volume');
    await volumes.remove('nope', true);
    expect(() => volumes.reference('nope', 'c')).toThrow('get nope: no such volume');
  });
});

describe('list', () => {
  it('filters', async () => {
    await create('one', { labels: { k: 'v', l: '' } });
    await create('two', { labels: { k: 'w' } });
    volumes.reference('two', 'c');
    expect(names({})).toEqual(['one', 'two']);
    expect(names({ dangling: ['true'] })).toEqual(['one']);
    expect(names({ dangling: ['0'] })).toEqual(['two']);
    expect(names({ name: ['w'] })).toEqual(['two']);
    expect(names({ name: ['^o'] })).toEqual(['one']);
    expect(names({ name: ['('] })).toEqual([]);
    expect(names({ driver: ['loc'] })).toEqual([]);
    expect(names({ label: ['k'] })).toEqual(['one', 'two']);
    expect(names({ label: ['k=v', 'l'] })).toEqual(['one']);
    expect(names({ 'label!': ['k=v'] })).toEqual(['two']);
    expect(() => names({ bogus: ['x'] })).toThrow("invalid filter 'bogus'");
    expect(() => names({ dangling: ['x'] })).toThrow("invalid filter 'dangling=[x]'");
  });
});

describe('prune', () => {
  it('takes anonymous ones only, and all when asked', async () => {
    await create('named');
    const { name, mountpoint } = await create('');
    writeFileSync(join(mountpoint, 'file'), 'x'.repeat(1000));
    const used = await create('');
    volumes.reference(used.name, 'c');
    expect(await volumes.prune(new Map())).toEqual({ deleted: [name], spaceReclaimedBytes: 1000 });
    expect(events.at(-1)).toBe('prune  {"reclaimed":"1000"}');
    expect((await volumes.prune(filters({ all: ['1'] }))).deleted).toEqual(['named']);
    await expect(volumes.prune(filters({ all: ['x'] }))).rejects.toThrow("invalid filter 'all'");
  });
});

describe('mount', () => {
  const mounted = (path: string) => mounts().filter(({ mountPoint }) => mountPoint === path).length;

  it('mounts once for all containers that use it, and tells', async () => {
    const { mountpoint } = await create('tt', { driverOpts: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,noexec' } });
    for (const id of ['c1', 'c2']) volumes.reference('tt', id);
    const use = { destination: '/y', rw: false, propagation: '' };
    expect(await volumes.mount('tt', 'c1', use)).toBe(mountpoint);
    expect(events.at(-1)).toBe(
      'mount tt {"driver":"local","container":"c1","destination":"/y","propagation":"","read/write":"false"}',
    );
    await volumes.mount('tt', 'c2');
    expect(mounted(mountpoint)).toBe(1);
    volumes = open();
    await volumes.unmount('tt', 'c1');
    expect(mounted(mountpoint)).toBe(1);
    await volumes.unmount('tt', 'c2');
    await volumes.unmount('tt', 'c2');
    expect(mounted(mountpoint)).toBe(0);
  });

  it('says what failed as dockerd does', async () => {
    await create('bad', { driverOpts: { type: 'bind', device: '/tmp' } });
    await expect(volumes.mount('bad', 'c')).rejects.toThrow(
      `error while mounting volume '${root}/bad/_data': failed to mount local volume: mount /tmp:${root}/bad/_data: no such device`,
    );
  });

  it('tells nobody the password, and not the command that mounts', async () => {
    const options = { type: 'bogusfs', device: '//192.0.2.1/x', o: 'username=a,password=secret' };
    await create('share', { driverOpts: options });
    const error: unknown = await volumes.mount('share', 'c').catch((caught: unknown) => caught);
    expect(error).not.toHaveProperty('cause');
    expect(error).toMatchObject({
      message:
        `error while mounting volume '${root}/share/_data': failed to mount local volume: mount //192.0.2.1/x:` +
        `${root}/share/_data, data: username=a,password=********: no such device`,
    });
  });

  it('says that the program is missing that mounts', async () => {
    await create('share', { driverOpts: { type: 'bogusfs', device: 'x' } });
    vi.stubEnv('PATH', '/nowhere');
    try {
      await expect(volumes.mount('share', 'c')).rejects.toThrow(/: the program mount is missing$/);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('says that it does not know the server', async () => {
    await create('nfs', { driverOpts: { type: 'nfs', device: ':/x', o: 'addr=no..such,rw' } });
    await expect(volumes.mount('nfs', 'c')).rejects.toThrow(
      `error while mounting volume '${root}/nfs/_data': error resolving passed in network volume address: `,
    );
  });

  it('takes flags out of the options', () => {
    expect(parseMountOptions('rw,ro,size=1m,nosuid,addr=1.2.3.4')).toEqual({ flags: 3, data: 'size=1m,addr=1.2.3.4' });
  });
});

it('adopts directories that it does not know, makes missing ones, sweeps removed ones', async () => {
  await create('gone');
  rmSync(join(root, 'gone'), { recursive: true });
  mkdirSync(join(root, 'found/_data'), { recursive: true });
  mkdirSync(join(root, '.removed-1/_data'), { recursive: true });
  await volumes.reconcile();
  expect(readdirSync(root).sort()).toEqual(['found', 'gone']);
  expect(names({})).toEqual(['found', 'gone']);
});
