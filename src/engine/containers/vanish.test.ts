import { beforeEach, describe, expect, it, vi } from 'vitest';
import { gate } from '../../../test/support/gate.js';
import { containerFromInspect, recording } from '../../../test/support/recorded-container.js';
import { KeyedLock } from '../../shared/keyed-lock.js';
import { silentLogger } from '../../shared/logger.js';
import type { ContainerEntry, ContainerRun } from './container-entry.js';
import { ContainerRegistry } from './container-registry.js';
import type { ContainersContext } from './containers-context.js';
import { superviseRun } from './exit.js';
import { RecentExits } from './recent-exits.js';
import type { RunningShim } from './shim-port.js';
import { createdState, toRunning } from './state-machine.js';

function withIpc({ container }: ContainerEntry, ipcMode: string): ContainerEntry['container'] {
  return { ...container, hostConfig: { ...container.hostConfig, ipcMode } };
}

/** An auto-remove container that runs, and all that is done at its end, in order. */
class Scene {
  readonly done: string[] = [];
  readonly entry: ContainerEntry;
  readonly run: ContainerRun;
  readonly unmounting = gate();
  readonly registry = new ContainerRegistry(
    {
      loadAll: () => [],
      insert: ({ container }) => void this.done.push(`insert ${container.name}`),
      save: () => undefined,
      saveState: () => void this.done.push('save state'),
      delete: async () => void this.done.push('delete row'),
    },
    silentLogger,
  );
  canGoLater = true;
  readonly ctx: ContainersContext;
  private readonly exit = gate();

  constructor() {
    const container = containerFromInspect(recording('inspect-created-v1.51.json'));
    const hostConfig = { ...container.hostConfig, autoRemove: true };
    const state = toRunning(createdState(), 1, new Date().toISOString());
    this.entry = this.registry.add({ container: { ...container, hostConfig, state }, plan: [], phase: 'stable' });
    const step = (what: string) => async (): Promise<void> => void this.done.push(what);
    this.ctx = {
      deps: {
        log: silentLogger,
        paths: { containers: '/c', bundles: '/b', sockets: '/s' },
        emit: ({ action }: { action: string }) => void this.done.push(action),
        networks: { leaveNetworks: async () => ({ removeNamespace: step('remove namespace') }) },
        snapshots: {
          canGoLater: () => this.canGoLater,
          unmountAside: () => this.unmounting.promise.then(step('unmount')),
          unmount: async () => undefined,
          remove: step('remove files'),
        },
      },
      registry: this.registry,
      locks: new KeyedLock(),
      recentExits: new RecentExits(),
      endingRuns: new Set(),
      stopping: false,
      discard: step('discard'),
    } as unknown as ContainersContext;
    const shim = {
      exited: this.exit.promise.then(() => ({ exitCode: 3, ooms: 0, finishedAt: new Date().toISOString() })),
      recorded: step('end of streams'),
      delete: step('delete'),
      deleted: Promise.resolve(),
      close: () => undefined,
      onOutOfMemory: () => undefined,
    } as unknown as RunningShim;
    this.run = superviseRun(this.ctx, this.entry, shim, '/s/x');
    this.entry.run = this.run;
    this.done.length = 0;
  }

  /** The process ends; the container's removal is told. */
  async end(): Promise<unknown> {
    const told = this.entry.waiters.removal(new AbortController().signal);
    this.exit.open();
    return told;
  }
}

describe('the end of a container that removes itself', () => {
  let scene: Scene;
  beforeEach(() => void (scene = new Scene()));

  it('is told before kernel and disk are waited for', async () => {
    const { done, entry, registry, ctx } = scene;
    expect(await scene.end()).toEqual({ statusCode: 3, error: '' });
    expect(done).toEqual(['die', 'end of streams', 'destroy']);
    expect([registry.get(entry.id), registry.isNameTaken(entry.name)]).toEqual([undefined, false]);
    expect(ctx.recentExits.get(entry.id)).toEqual({ statusCode: 3, error: '' });
    scene.unmounting.open();
    await scene.run.cleaned;
    expect(done.slice(3)).toEqual(['delete row', 'remove namespace', 'unmount', 'remove files', 'delete']);
  });

  it.each<[string, (scene: Scene) => unknown]>([
    ['something is in the way, or there is little room', (it) => (it.canGoLater = false)],
    ['it has volumes', ({ entry }) => Object.assign(entry, { plan: [{ type: 'volume' }] })],
    ['others may have its shared memory', ({ entry }) => void (entry.container = withIpc(entry, 'shareable'))],
    [
      'nobody knows whether something is in the way',
      (it) => {
        Object.defineProperty(it, 'canGoLater', {
          get: () => {
            throw new Error('EIO');
          },
        });
      },
    ],
    ['somebody is at work on it', ({ ctx, entry }) => ctx.locks.acquire(entry.id)],
    ['a stop has asked for it', ({ run }) => (run.isCleaningAwaited = true)],
  ])('is an ordinary removal when %s', async (_when, happens) => {
    const { done, registry, entry } = scene;
    await happens(scene);
    void scene.end();
    scene.unmounting.open();
    await scene.run.cleaned;
    expect(done).toContain('discard');
    expect(done).not.toContain('destroy');
    expect(registry.get(entry.id)).toBe(entry);
  });

  it('is told after those of its execs, which may be late', async () => {
    const { done, entry } = scene;
    const exec = gate();
    entry.execEnds.add(exec.promise.then(() => void done.push('exec_die')));
    const told = scene.end();
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toEqual([]);
    exec.open();
    await told;
    expect(done).toEqual(['exec_die', 'die', 'end of streams', 'destroy']);
  });

  it.each(['hangs', "is not in the container's namespace"])('is told when an exec %s', async (what) => {
    const { entry, done } = scene;
    entry.execEnds.add(gate().promise);
    const { hostConfig } = entry.container;
    if (what === 'hangs') vi.useFakeTimers();
    else entry.container = { ...entry.container, hostConfig: { ...hostConfig, pidMode: 'host' } };
    try {
      const told = scene.end();
      if (what === 'hangs') await vi.advanceTimersByTimeAsync(5000);
      await told;
      expect(done).toEqual(['die', 'end of streams', 'destroy']);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is waited for by the end of the daemon until nothing is left', async () => {
    const { ctx, run, done } = scene;
    expect(ctx.endingRuns.size).toBe(0);
    await scene.end();
    expect([...ctx.endingRuns]).toEqual([run]);
    scene.unmounting.open();
    await vi.waitUntil(() => ctx.endingRuns.size === 0, { timeout: 30_000 });
    expect(done).toContain('remove files');
    await run.cleaned;
  });

  it('leaves its name to another one that comes before its row is deleted', async () => {
    const { done, entry, registry } = scene;
    await scene.end();
    const { container, plan } = entry;
    registry.reserveName(entry.name, 'another');
    registry.add({ container: { ...container, id: 'another' }, plan, phase: 'stable' });
    expect(done.slice(3)).toEqual(['delete row', `insert ${entry.name}`]);
  });
});
