import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { gate } from '../../../test/support/gate.js';
import { containerFromInspect, recording } from '../../../test/support/recorded-container.js';
import { silentLogger } from '../../shared/logger.js';
import type { ContainerRun } from './container-entry.js';
import { Containers } from './containers.js';
import type { ContainersDeps } from './containers-deps.js';
import { createdState, toRunning } from './state-machine.js';
import type { HostCapacity } from './validate-resources.js';

const SHUTDOWN_MS = 5000;

/** A container that runs, of a daemon that does nothing else; and what the daemon says of it. */
class Scene {
  readonly done: string[] = [];
  readonly run: ContainerRun;
  readonly containers: Containers;
  /** The container is cleaned up, and removed. */
  settle: { cleaned: () => void; removed: () => void };

  constructor() {
    const container = containerFromInspect(recording('inspect-created-v1.51.json'));
    const state = toRunning(createdState(), 1, new Date().toISOString());
    const stored = { container: { ...container, state }, plan: [], phase: 'stable' as const };
    const deps = { log: silentLogger, repository: { loadAll: () => [stored] } };
    this.containers = new Containers(deps as unknown as ContainersDeps, {} as HostCapacity);
    this.containers.load();
    const [cleaned, removed] = [gate(), gate()];
    this.settle = { cleaned: cleaned.open, removed: removed.open };
    const shim = { close: () => void this.done.push('let go') };
    this.run = { shim, cleaned: cleaned.promise, removed: removed.promise } as unknown as ContainerRun;
    const [entry] = this.containers.context.registry.all();
    entry!.run = this.run;
  }

  async shutdown(): Promise<void> {
    await this.containers.shutdown();
    this.done.push('down');
  }
}

let scene: Scene;
beforeEach(() => {
  vi.useFakeTimers();
  scene = new Scene();
});
afterEach(() => void vi.useRealTimers());

describe('the end of the daemon', () => {
  it('lets go of containers that run', async () => {
    await scene.shutdown();
    expect(scene.done).toEqual(['let go', 'down']);
  });

  it('waits for the end of a container until nothing of it is left', async () => {
    scene.containers.context.endingRuns.add(scene.run);
    const over = scene.shutdown();
    for (const settle of [scene.settle.cleaned, scene.settle.removed]) {
      await vi.advanceTimersByTimeAsync(SHUTDOWN_MS / 10);
      expect(scene.done).toEqual([]);
      settle();
    }
    await over;
    expect(scene.done).toEqual(['let go', 'down']);
  });

  it('does not wait for ever', async () => {
    scene.containers.context.endingRuns.add(scene.run);
    const over = scene.shutdown();
    await vi.advanceTimersByTimeAsync(SHUTDOWN_MS);
    await over;
    expect(scene.done).toEqual(['let go', 'down']);
  });
});
