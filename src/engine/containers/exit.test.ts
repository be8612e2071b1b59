import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { unstoredRegistry } from '../../../test/support/container-registry.js';
import { containerFromInspect, recording } from '../../../test/support/recorded-container.js';
import { KeyedLock } from '../../shared/keyed-lock.js';
import { silentLogger } from '../../shared/logger.js';
import type { RestartPolicy } from './container-config.js';
import type { ContainerEntry } from './container-entry.js';
import type { ContainersContext } from './containers-context.js';
import { endBackOff } from './end-back-off.js';
import { recordExit } from './exit.js';
import { createdState, toRunning } from './state-machine.js';

const HOUR_MS = 3_600_000;

/** One container whose runs are told by the test, on the test's clock. */
class Scene {
  readonly events: string[] = [];
  /** When the container was started by its policy. */
  readonly restarts: number[] = [];
  readonly entry: ContainerEntry;
  readonly ctx: ContainersContext;

  constructor(policy: RestartPolicy) {
    const registry = unstoredRegistry();
    const container = containerFromInspect(recording('inspect-created-v1.51.json'));
    const hostConfig = { ...container.hostConfig, restartPolicy: policy, autoRemove: false };
    this.entry = registry.add({
      container: { ...container, hostConfig, state: createdState(), restartCount: 0 },
      plan: [],
      phase: 'stable',
    });
    this.ctx = {
      deps: { log: silentLogger, emit: ({ action }: { action: string }) => void this.events.push(action) },
      registry,
      locks: new KeyedLock(),
      stopping: false,
      relaunch: async () => {
        this.restarts.push(Date.now());
        this.start();
      },
    } as unknown as ContainersContext;
    this.start();
  }

  get state() {
    return this.entry.container.state;
  }

  private start(): void {
    this.ctx.registry.setState(this.entry, toRunning(this.state, 1, new Date().toISOString()));
  }

  /** The run that is under way ends after so long. */
  async run(lengthMs: number, exitCode = 1, options?: { isStopping: boolean }): Promise<void> {
    await vi.advanceTimersByTimeAsync(lengthMs);
    const facts = { exitCode, ooms: 0, finishedAt: new Date().toISOString(), error: '' };
    recordExit(this.ctx, this.entry, facts, options);
  }

  /** How long it takes until the policy starts it; null: never. */
  async backOffMs(): Promise<number | null> {
    const since = Date.now();
    const before = this.restarts.length;
    for (let waited = 0; waited < HOUR_MS && this.restarts.length === before;) {
      if (vi.getTimerCount() === 0) return null;
      await vi.advanceTimersToNextTimerAsync();
      waited = Date.now() - since;
    }
    return (this.restarts.at(-1) ?? 0) - since;
  }
}

const always: RestartPolicy = { name: 'always', maximumRetryCount: 0 };

beforeEach(() => void vi.useFakeTimers({ now: 1_800_000_000_000 }));
afterEach(() => void vi.useRealTimers());

// Held to what dockerd 28.5 was seen to do.
describe('restarts after exits', () => {
  it('wait twice as long each time, up to a minute, and are counted', async () => {
    const scene = new Scene(always);
    const waits: (number | null)[] = [];
    for (let i = 0; i < 12; i++) {
      await scene.run(20, 0);
      expect(scene.state).toMatchObject({ status: 'restarting', running: true, restarting: true, exitCode: 0 });
      expect(scene.entry.container.restartCount).toBe(i + 1);
      waits.push(await scene.backOffMs());
      expect(scene.state).toMatchObject({ status: 'running', running: true, restarting: false });
    }
    expect(waits).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000]);
  });

  it('come quickly again after a run of ten seconds, not of less', async () => {
    const scene = new Scene({ ...always, name: 'unless-stopped' });
    const waits: (number | null)[] = [];
    for (const lengthMs of [5, 5, 9_999, 10_000, 5]) {
      await scene.run(lengthMs);
      waits.push(await scene.backOffMs());
    }
    expect(waits).toEqual([100, 200, 400, 100, 200]);
    // The count is that of the whole life, which only a start by hand ends.
    expect(scene.entry.container.restartCount).toBe(5);
  });

  it('end when on-failure has no more tries, or with a success', async () => {
    const scene = new Scene({ name: 'on-failure', maximumRetryCount: 2 });
    for (const wait of [100, 200, null]) {
      await scene.run(5, 3);
      expect(await scene.backOffMs()).toBe(wait);
    }
    expect(scene.state).toMatchObject({ status: 'exited', running: false, restarting: false, exitCode: 3 });
    expect(scene.entry.container.restartCount).toBe(2);
    expect(scene.events).toEqual(['die', 'die', 'die']);

    const success = new Scene({ name: 'on-failure', maximumRetryCount: 0 });
    await success.run(5, 0);
    expect(await success.backOffMs()).toBeNull();
    expect(success.state).toMatchObject({ status: 'exited', exitCode: 0 });
  });

  it('are told to those who wait at each exit', async () => {
    const scene = new Scene(always);
    const told = scene.entry.waiters.nextExit(new AbortController().signal);
    await scene.run(5, 7);
    expect(await told).toEqual({ statusCode: 7, error: '' });
    expect(scene.state.restarting).toBe(true);
  });

  it('end with a stop in the back-off, and the exit stays what it was', async () => {
    const scene = new Scene(always);
    await scene.run(5, 5);
    endBackOff(scene.ctx, scene.entry);
    expect(scene.state).toMatchObject({ status: 'exited', running: false, restarting: false, exitCode: 5 });
    expect(await scene.backOffMs()).toBeNull();
    expect(scene.events).toEqual(['die']);
  });

  it('obey an update in the back-off at the next exit: the one that is waited for still comes', async () => {
    const scene = new Scene(always);
    await scene.run(5);
    const { hostConfig } = scene.entry.container;
    scene.ctx.registry.save(scene.entry, { hostConfig: { ...hostConfig, restartPolicy: { ...always, name: 'no' } } });
    expect(await scene.backOffMs()).toBe(100);
    await scene.run(5);
    expect(await scene.backOffMs()).toBeNull();
    expect(scene.state.status).toBe('exited');
    expect(scene.entry.container.restartCount).toBe(1);
  });

  it.each<[string, (scene: Scene) => void]>([
    ['a stop has asked for the end', ({ entry }) => void (entry.exitOnNext = true)],
    ['the daemon goes down', ({ ctx }) => void (ctx.stopping = true)],
    ['the container is being removed', ({ entry }) => void (entry.phase = 'removing')],
  ])('do not come when %s', async (_when, happens) => {
    const scene = new Scene(always);
    happens(scene);
    await scene.run(5);
    expect(await scene.backOffMs()).toBeNull();
    expect(scene.state.status).toBe('exited');
  });

  it('are the next daemon’s when this one began to go down after the exit, before it was on record', async () => {
    const scene = new Scene({ ...always, name: 'unless-stopped' });
    scene.ctx.stopping = true;
    await scene.run(5, 1, { isStopping: false });
    expect(scene.state).toMatchObject({ running: true, restarting: true });
    await vi.advanceTimersByTimeAsync(HOUR_MS);
    expect(scene.restarts).toEqual([]);
  });

  it.each<[string, (scene: Scene) => void]>([
    ['the daemon has begun to go down', ({ ctx }) => void (ctx.stopping = true)],
    ['the container is being removed', ({ entry }) => void (entry.phase = 'removing')],
  ])('do not come when %s in the back-off', async (_when, happens) => {
    const scene = new Scene(always);
    await scene.run(5);
    happens(scene);
    await vi.advanceTimersByTimeAsync(HOUR_MS);
    expect(scene.restarts).toEqual([]);
  });
});
