import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { unstoredRegistry } from '../../../test/support/container-registry.js';
import { containerFromInspect, recording } from '../../../test/support/recorded-container.js';
import { KeyedLock } from '../../shared/keyed-lock.js';
import { silentLogger } from '../../shared/logger.js';
import { formatRfc3339Nano, nowNs } from '../../shared/rfc3339.js';
import { AHEAD_MS, SPARE_MS } from './ahead-policy.js';
import { AheadOfStarts } from './ahead-of-starts.js';
import type { ContainerEntry } from './container-entry.js';
import { runFiles } from './container-paths.js';
import type { ContainersContext } from './containers-context.js';
import type { RunningShim } from './shim-port.js';
import { runSetup } from './shim-setup.js';
import { createdState } from './state-machine.js';

const never = (): Promise<void> => new Promise(() => undefined);
const atOnce = (): Promise<void> => Promise.resolve();

/** A container that has just been created, on the test's clock; its shims do as they are told. */
class Scene {
  readonly dir = mkdtempSync(join(tmpdir(), 'ahead-'));
  readonly ahead = new AheadOfStarts();
  readonly said: string[] = [];
  answer = { claim: atOnce, quit: atOnce, feed: atOnce };
  /** The namespace that is ready; null: none is. */
  namespace: string | null = null;
  /** Root file systems that were made ahead, by id. */
  readonly mounted = new Map<string, string>();
  readonly unmounted: string[] = [];
  isImageThere = true;
  /** Of the next root. */
  fault: Error | null = null;
  readonly runc = join(this.dir, 'runc');
  runtime = { name: 'runc', path: this.runc, args: [] as string[] };
  entry: ContainerEntry;
  readonly ctx: ContainersContext;

  constructor() {
    const registry = unstoredRegistry();
    const container = containerFromInspect(recording('inspect-created-v1.51.json'));
    const { dir } = this;
    writeFileSync(this.runc, '', { mode: 0o755 });
    const [hostnamePath, hostsPath, resolvConfPath] = ['1', '2', '3'].map((name) => join(dir, name)) as [
      string,
      string,
      string,
    ];
    const paths = { hostnamePath, hostsPath, resolvConfPath };
    this.entry = registry.add({
      container: { ...container, ...paths, state: createdState(), created: formatRfc3339Nano(nowNs()) },
      plan: [],
      phase: 'stable',
    });
    this.ctx = {
      deps: {
        log: silentLogger,
        paths: {
          bundles: join(dir, 'b'),
          sockets: join(dir, 's'),
          containers: join(dir, 'c'),
          runtimeRoot: join(dir, 'r'),
        },
        defaults: { cgroupDriver: 'cgroupfs', cgroupParent: '', cgroupVersion: 2, seccompProfile: '', ulimits: [] },
        oci: {
          runtimes: { resolve: () => this.runtime },
          resolveUser: () => ({ uid: 0, gid: 0, additionalGids: [], home: '/' }),
          buildSpec: () => ({ ociVersion: '1', process: {}, linux: {} }),
        },
        images: { find: () => (this.isImageThere ? { chainIds: ['sha256:top'] } : null) },
        snapshots: {
          mount: () => join(dir, 'merged'),
          unmount: async (id: string) => void this.unmounted.push(id),
          prepare: (id: string, chainIds: string[], { isVolatile }: { isVolatile: boolean }) => {
            if (this.fault) throw this.fault;
            this.mounted.set(id, `${chainIds.join()} ${isVolatile ? 'volatile' : 'kept'}`);
          },
          remove: async (id: string, directory: string) => {
            this.mounted.delete(id);
            rmSync(directory, { recursive: true });
          },
        },
        networks: {
          reserveNamespace: () => this.namespace,
          cancelReservation: () => this.say('cancel'),
        },
        shims: {
          launch: async ({ ahead, shimLog }: { ahead?: boolean; shimLog: string }) => {
            this.say(ahead ? 'launch ahead' : 'launch');
            writeFileSync(shimLog, '');
            return this.shim;
          },
        },
      },
      registry,
      locks: new KeyedLock(),
      stopping: false,
    } as unknown as ContainersContext;
  }

  get files() {
    return runFiles(this.ctx.deps.paths, this.entry.id);
  }

  private say(what: string): void {
    this.said.push(what);
  }

  private readonly shim = {
    claim: () => (this.say('claim'), this.answer.claim()),
    quit: () => (this.say('quit'), this.answer.quit()),
    feed: () => (this.say('feed'), this.answer.feed()),
    /** It leaves when it is told to. */
    get exited() {
      return Promise.reject(new Error('lost the shim'));
    },
    close: () => this.say('close'),
  } as unknown as RunningShim;

  /** Creates, and lets so much time go by. */
  async prepare(afterMs = 0): Promise<void> {
    this.ahead.prepareSoon(this.ctx, this.entry);
    await vi.advanceTimersByTimeAsync(afterMs);
  }

  /** What a start does with what it finds; null: it has to launch a shim itself. */
  async start(): Promise<RunningShim | null> {
    return (await this.startOf()).shim;
  }

  /** The same, with what the start has found. */
  async startOf() {
    const reserved = await this.ahead.reserve(this.ctx, this.entry);
    if (reserved !== 'none') writeFileSync(join(this.files.bundle, 'of-the-start'), '');
    const taken = await this.ahead.take(this.ctx, this.entry, runSetup(this.ctx, this.entry.container, null));
    return { reserved, shim: taken?.shim ?? null, hasSpec: taken?.hasSpec ?? null };
  }

  /** The container as it is from now on. */
  change(change: Partial<ContainerEntry['container']> = {}): void {
    this.entry.container = { ...this.entry.container, ...change };
  }
}

let scene: Scene;

beforeEach(() => {
  vi.useFakeTimers();
  scene = new Scene();
  // as `start` has it
  const { container } = scene.entry;
  scene.entry.container = {
    ...container,
    hostConfig: { ...container.hostConfig, logConfig: { type: 'none', config: {} } },
  };
});

afterEach(() => {
  vi.useRealTimers();
  rmSync(scene.dir, { recursive: true, force: true });
});

describe('what is ahead of a start', () => {
  it('is taken by the start, and by no other', async () => {
    await scene.prepare(500);
    expect(await scene.start()).not.toBeNull();
    expect(await scene.start()).toBeNull();
    await vi.advanceTimersByTimeAsync(2 * AHEAD_MS);
    expect(scene.said).toEqual(['launch ahead', 'claim']);
    expect(existsSync(scene.files.bundle)).toBe(true);
  });

  it('is ended, with the bundle, when no start comes in time', async () => {
    await scene.prepare(AHEAD_MS - 1);
    expect(scene.said).toEqual(['launch ahead']);
    await vi.advanceTimersByTimeAsync(1);
    expect(scene.said).toEqual(['launch ahead', 'quit', 'close']);
    expect(existsSync(scene.files.bundle)).toBe(false);
    expect(await scene.start()).toBeNull();
  });

  it('is not begun for a container that somebody works on or that has devices with hooks, for a runtime of unknown ways, or while the daemon goes down', async () => {
    {
      using _lock = await scene.ctx.locks.acquire(scene.entry.id);
      await scene.prepare();
    }
    scene.runtime = { ...scene.runtime, path: '/usr/bin/runsc' };
    await scene.prepare();
    scene.runtime = { ...scene.runtime, path: scene.runc, args: ['--debug'] };
    await scene.prepare();
    scene.runtime = { ...scene.runtime, args: [] };
    scene.ctx.stopping = true;
    await scene.prepare();
    scene.ctx.stopping = false;
    const { hostConfig } = scene.entry.container;
    scene.change({ hostConfig: { ...hostConfig, deviceRequests: [{} as (typeof hostConfig.deviceRequests)[number]] } });
    await scene.prepare();
    expect(scene.said).toEqual([]);
    expect(existsSync(scene.files.bundle)).toBe(false);
  });

  it('goes alone when the start is another one than was prepared for', async () => {
    await scene.prepare();
    const { container } = scene.entry;
    scene.entry.container = { ...container, config: { ...container.config, tty: true } };
    expect(await scene.start()).toBeNull();
    expect(scene.said).toEqual(['launch ahead', 'quit', 'close']);
    expect(existsSync(scene.files.shimLog)).toBe(false);
    expect(existsSync(join(scene.files.bundle, 'of-the-start'))).toBe(true);
  });

  it('does not hold up a start when its shim answers nothing', async () => {
    scene.answer = { ...scene.answer, claim: never, quit: never };
    await scene.prepare();
    let isThere = true;
    const starting = scene.start().then((shim) => (isThere = shim !== null));
    await vi.advanceTimersByTimeAsync(10_000);
    await starting;
    expect(isThere).toBe(false);
    expect(scene.said).toEqual(['launch ahead', 'claim', 'quit', 'close']);
  });

  it('is ended with the daemon', async () => {
    await scene.prepare();
    await scene.ahead.discardAll(scene.ctx);
    expect(scene.said).toEqual(['launch ahead', 'quit', 'close']);
    expect(existsSync(scene.files.bundle)).toBe(false);
  });
});

describe('what is created ahead of a start', () => {
  beforeEach(() => (scene.namespace = '/run/netns/reserved'));

  const FED = ['launch ahead', 'feed'];
  const ENDED = [...FED, 'quit', 'close', 'cancel'];
  let created = 0;
  const state = () => ({ said: scene.said, hasBundle: existsSync(scene.files.bundle) });

  /** Another container, as `scene.entry`; the one before is gone. */
  function createAnother(): void {
    const { container } = scene.entry;
    const id = `${++created}`.padStart(64, 'a');
    scene.entry = scene.ctx.registry.add({
      container: { ...container, id, created: formatRfc3339Nano(nowNs()) },
      plan: [],
      phase: 'stable',
    });
    scene.said.length = 0;
  }

  it('is taken by the start, which has nothing to tell the runtime', async () => {
    await scene.prepare();
    expect(JSON.parse(readFileSync(scene.files.config, 'utf8'))).toHaveProperty('process');
    expect(await scene.startOf()).toMatchObject({ reserved: 'container', shim: expect.anything(), hasSpec: true });
    await vi.advanceTimersByTimeAsync(2 * AHEAD_MS);
    expect(state()).toEqual({ said: [...FED, 'claim'], hasBundle: true });
  });

  it('is waited for by a start that comes meanwhile', async () => {
    let answer = (): void => undefined;
    scene.answer.feed = () => new Promise((resolve) => (answer = resolve));
    await scene.prepare();
    const starting = scene.startOf();
    await vi.advanceTimersByTimeAsync(1);
    expect(scene.said).toEqual(FED);
    answer();
    expect(await starting).toMatchObject({ reserved: 'container', hasSpec: true });
  });

  it('is not had without a namespace, from another runtime, or where somebody looks into the root', async () => {
    scene.namespace = null;
    await scene.prepare();
    expect(await scene.startOf()).toMatchObject({ reserved: 'shim', hasSpec: false });
    expect(scene.said).toEqual(['launch ahead', 'claim']);

    scene.namespace = '/run/netns/reserved';
    scene.runtime = { ...scene.runtime, path: '/usr/bin/crun' };
    createAnother();
    await scene.prepare();
    expect(await scene.startOf()).toMatchObject({ reserved: 'shim', hasSpec: false });
    expect(scene.said).toEqual(['launch ahead', 'claim']);

    scene.runtime = { ...scene.runtime, path: scene.runc };
    createAnother();
    scene.entry.views++;
    await scene.prepare();
    expect(state()).toEqual({ said: [], hasBundle: false });
  });

  it('is ended by the start of a container that has been changed since', async () => {
    await scene.prepare();
    scene.change();
    expect(await scene.startOf()).toEqual({ reserved: 'none', shim: null, hasSpec: null });
    expect(state()).toEqual({ said: ENDED, hasBundle: false });
  });

  it('is ended when somebody is going to look into the root, and no start waits', async () => {
    await scene.prepare();
    await scene.ahead.touch(scene.ctx, scene.entry);
    expect(state()).toEqual({ said: ENDED, hasBundle: false });
    await scene.ahead.touch(scene.ctx, scene.entry);
    expect(await scene.startOf()).toMatchObject({ reserved: 'none', shim: null });

    createAnother();
    await scene.prepare();
    expect(await scene.ahead.reserve(scene.ctx, scene.entry)).toBe('container');
    await scene.ahead.touch(scene.ctx, scene.entry);
    expect(state()).toEqual({ said: FED, hasBundle: true });
  });

  it('is left to itself when the shim refuses or does not answer, and the start tells the runtime', async () => {
    scene.answer.feed = () => Promise.reject(new Error('refused'));
    await scene.prepare();
    expect(await scene.startOf()).toMatchObject({ reserved: 'container', shim: expect.anything(), hasSpec: false });

    scene.answer.feed = never;
    createAnother();
    await scene.prepare();
    let found = {};
    const starting = scene.startOf().then((one) => (found = one));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(found).toMatchObject({ shim: expect.anything(), hasSpec: false });
    await starting;
  });

  it('does not hold up a removal when the shim does not answer', async () => {
    scene.answer = { claim: never, quit: never, feed: never };
    await scene.prepare();
    let isGone = false;
    const discarding = scene.ahead.discard(scene.ctx, scene.entry).then(() => (isGone = true));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(isGone).toBe(true);
    await discarding;
    expect(state()).toEqual({ said: ENDED, hasBundle: false });
  });

  it.each(['time', 'removal', "daemon's end", 'daemon configured anew'])(
    'is ended with its namespace by the %s',
    async (what) => {
      await scene.prepare();
      if (what === 'time') await vi.advanceTimersByTimeAsync(AHEAD_MS);
      else if (what === 'removal') await scene.ahead.discard(scene.ctx, scene.entry);
      else if (what === "daemon's end") await scene.ahead.discardAll(scene.ctx);
      else await scene.ahead.discardWaiting(scene.ctx);
      expect(state()).toEqual({ said: ENDED, hasBundle: false });
    },
  );

  it('is deleted by the daemon where the shim was killed before it had done so', async () => {
    const { runtimeRoot } = scene.ctx.deps.paths;
    const path = join(scene.dir, 'runc');
    writeFileSync(path, '#!/bin/sh\nrm -r "$2/$5" && echo "$3 $4" >"$2/said"\n', { mode: 0o755 });
    scene.runtime = { ...scene.runtime, path };
    await scene.prepare();
    mkdirSync(join(runtimeRoot, scene.entry.id), { recursive: true });
    await scene.ahead.discard(scene.ctx, scene.entry);
    expect(readdirSync(runtimeRoot)).toEqual(['said']);
    expect(readFileSync(join(runtimeRoot, 'said'), 'utf8')).toBe('delete --force\n');
  });

  it('stays with a start that is under way when the daemon is configured anew', async () => {
    await scene.prepare();
    expect(await scene.ahead.reserve(scene.ctx, scene.entry)).toBe('container');
    await scene.ahead.discardWaiting(scene.ctx);
    expect(await scene.startOf()).toMatchObject({ shim: expect.anything(), hasSpec: true });
    expect(scene.said).toEqual([...FED, 'claim']);
  });

  it('is not made any more when two in a row were changed before the start, until one is not', async () => {
    const isFed = async (isChanged: boolean): Promise<boolean> => {
      createAnother();
      await scene.prepare();
      const { said } = scene;
      const fed = said.includes('feed');
      if (isChanged) scene.change();
      await scene.start();
      return fed;
    };
    expect([await isFed(true), await isFed(true), await isFed(true), await isFed(true)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect([await isFed(false), await isFed(false)]).toEqual([false, true]);
  });
});

describe('what waits for a container that is yet to be created', () => {
  /** Starts one, which makes the spare; the container's configuration. */
  async function started() {
    await scene.prepare();
    await scene.start();
    scene.ahead.refill(scene.ctx, scene.entry);
    await vi.advanceTimersByTimeAsync(0);
    scene.said.length = 0;
    const { config, hostConfig } = scene.entry.container;
    return { config, hostConfig };
  }

  /** A container that is created with the id that the spare has. */
  function create(id: string) {
    const { container } = scene.entry;
    scene.entry = scene.ctx.registry.add({
      container: { ...container, id, name: 'second' },
      plan: [],
      phase: 'stable',
    });
  }

  const bundles = (): string[] => readdirSync(join(scene.dir, 'b'));

  it('goes to the next of its kind, with its id', async () => {
    const configuration = await started();
    const id = scene.ahead.takeSpare(scene.ctx, configuration);
    expect(bundles()).toContain(id);
    expect(scene.ahead.takeSpare(scene.ctx, configuration)).toBeNull();
    create(id!);
    await scene.prepare(500);
    expect(await scene.start()).not.toBeNull();
    await vi.advanceTimersByTimeAsync(2 * SPARE_MS);
    expect(scene.said).toEqual(['claim']);
  });

  it('is told of its container before the create is answered', async () => {
    const id = scene.ahead.takeSpare(scene.ctx, await started());
    create(id!);
    scene.namespace = '/run/netns/reserved';
    scene.ahead.prepareSoon(scene.ctx, scene.entry);
    // No timer and no turn of the loop: the answer is on its way out only after one.
    for (let steps = 0; steps < 5; steps++) await Promise.resolve();
    expect(scene.said).toEqual(['feed']);
    expect(await scene.startOf()).toMatchObject({ reserved: 'container', hasSpec: true });
  });

  it('is not taken by one of another kind, or one whose log is to say something of it', async () => {
    const { config, hostConfig } = await started();
    const take = (draft: Parameters<AheadOfStarts['takeSpare']>[1]) => scene.ahead.takeSpare(scene.ctx, draft);
    expect(take({ config: { ...config, tty: true }, hostConfig })).toBeNull();
    expect(take({ config, hostConfig: { ...hostConfig, cgroupParent: '/other' } })).toBeNull();
    const wrong = { type: 'json-file', config: { 'max-size': 'x' } };
    expect(take({ config, hostConfig: { ...hostConfig, logConfig: wrong } })).toBeNull();
    const tagged = { type: 'json-file', config: { tag: '{{.Name}}' } };
    expect(take({ config, hostConfig: { ...hostConfig, logConfig: tagged } })).toBeNull();
    const deviceRequests = [{} as (typeof hostConfig.deviceRequests)[number]];
    expect(take({ config, hostConfig: { ...hostConfig, deviceRequests } })).toBeNull();
    expect(take({ config: { ...config, env: ['A=b'], labels: { c: 'd' } }, hostConfig })).not.toBeNull();
  });

  describe('on the disk', () => {
    const directories = (): string[] => (existsSync(join(scene.dir, 'c')) ? readdirSync(join(scene.dir, 'c')) : []);
    const onDisk = () => ({ mounted: [...scene.mounted], directories: directories() });
    const NOTHING = { mounted: [], directories: [] };

    /** Two of an image have been started: what of the third is on the disk. */
    async function startedTwo() {
      const configuration = await started();
      await scene.ahead.discardWaiting(scene.ctx);
      scene.ahead.refill(scene.ctx, scene.entry);
      return configuration;
    }

    it('has what a third container of an image needs, which is its own from the create on', async () => {
      const configuration = await startedTwo();
      const id = scene.ahead.takeSpare(scene.ctx, configuration)!;
      const there = { mounted: [[id, 'sha256:top kept']], directories: [id] };
      expect(onDisk()).toEqual(there);
      expect(readdirSync(join(scene.dir, 'c', id)).sort()).toEqual(['hostname', 'hosts', 'resolv.conf']);
      await scene.ahead.drop(scene.ctx, id);
      expect(onDisk()).toEqual(there);
    });

    it('has no root mounted for longer than a start may come, also when the daemon was configured anew during the create', async () => {
      const id = scene.ahead.takeSpare(scene.ctx, await startedTwo())!;
      scene.answer = { ...scene.answer, quit: never };
      void scene.ahead.discardWaiting(scene.ctx);
      create(id);
      await scene.prepare(AHEAD_MS - 1);
      expect(scene.unmounted).not.toContain(id);
      await vi.advanceTimersByTimeAsync(10_000);
      expect(scene.unmounted).toContain(id);
    });

    it.each(['time', "daemon's end", 'daemon configured anew'])('has nothing left after the %s', async (what) => {
      await startedTwo();
      expect(scene.mounted.size).toBe(1);
      if (what === 'time') await vi.advanceTimersByTimeAsync(SPARE_MS);
      else if (what === "daemon's end") await scene.ahead.discardAll(scene.ctx);
      else await scene.ahead.discardWaiting(scene.ctx);
      expect(onDisk()).toEqual(NOTHING);
    });

    it('has nothing for the second of an image, for the first after another, or for one whose image is gone', async () => {
      await started();
      expect([onDisk(), scene.ahead.hasSpare]).toEqual([NOTHING, true]);
      for (const imageId of ['sha256:a', 'sha256:b', 'sha256:a']) {
        await scene.ahead.discardWaiting(scene.ctx);
        scene.change({ imageId });
        scene.ahead.refill(scene.ctx, scene.entry);
        expect([onDisk(), scene.ahead.hasSpare]).toEqual([NOTHING, true]);
      }
      scene.isImageThere = false;
      await scene.ahead.discardWaiting(scene.ctx);
      scene.ahead.refill(scene.ctx, scene.entry);
      expect([onDisk(), scene.ahead.hasSpare]).toEqual([NOTHING, true]);
    });

    it('may be without it, where it can not be made', async () => {
      const configuration = await started();
      await scene.ahead.discardWaiting(scene.ctx);
      scene.fault = new Error('no space left on device');
      scene.ahead.refill(scene.ctx, scene.entry);
      expect(onDisk()).toEqual(NOTHING);
      expect(scene.ahead.takeSpare(scene.ctx, configuration)).not.toBeNull();
    });
  });

  it('is ended when no container comes, when the one that comes is not created, and with the daemon', async () => {
    const configuration = await started();
    const [first] = bundles().filter((name) => name !== scene.entry.id);
    await vi.advanceTimersByTimeAsync(SPARE_MS);
    expect(scene.said).toEqual(['quit', 'close']);
    expect(bundles()).not.toContain(first);
    expect(scene.ahead.hasSpare).toBe(false);

    scene.ahead.refill(scene.ctx, scene.entry);
    expect(scene.ahead.hasSpare).toBe(false);

    scene.entry.container = { ...scene.entry.container, created: formatRfc3339Nano(nowNs()) };
    scene.ahead.refill(scene.ctx, scene.entry);
    await scene.ahead.drop(scene.ctx, scene.ahead.takeSpare(scene.ctx, configuration)!);
    scene.ahead.refill(scene.ctx, scene.entry);
    await scene.ahead.discardAll(scene.ctx);
    expect(bundles()).toEqual([scene.entry.id]);
    expect(scene.said.filter((what) => what === 'quit')).toHaveLength(3);
  });

  it('is ended after the time of a start when its container is not started', async () => {
    const id = scene.ahead.takeSpare(scene.ctx, await started());
    create(id!);
    await scene.prepare(AHEAD_MS);
    expect(scene.said).toEqual(['quit', 'close']);
    expect(bundles()).not.toContain(id);
    expect(await scene.start()).toBeNull();
  });

  it('is not made for a kind that is not started, or where the daemon goes down', async () => {
    await scene.prepare(AHEAD_MS);
    await scene.prepare(AHEAD_MS);
    scene.said.length = 0;
    scene.entry.container = { ...scene.entry.container, created: formatRfc3339Nano(nowNs()) };
    scene.ahead.refill(scene.ctx, scene.entry);
    await scene.start();
    scene.ctx.stopping = true;
    scene.ahead.refill(scene.ctx, scene.entry);
    scene.ctx.stopping = false;
    expect(scene.said).toEqual([]);
    scene.ahead.refill(scene.ctx, scene.entry);
    expect(scene.said).toEqual(['launch ahead']);
  });
});
