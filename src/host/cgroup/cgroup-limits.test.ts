import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cgroupLimits } from './cgroup-limits.js';

let root: string;
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), 'wharf-limits-'))));
afterEach(() => rmSync(root, { recursive: true }));

describe('limits of swap on cgroup v2', () => {
  it.each([
    ['are known by any group', ['cgroup/a.slice/memory.max', 'cgroup/a.slice/memory.swap.max'], '', true],
    ['are known in a namespace of control groups', ['cgroup/memory.max', 'cgroup/memory.swap.max'], '', true],
    ['are missing from any group', ['cgroup/a.slice/memory.max', 'proc/swaps'], '', false],
    // A host without systemd on which no container has run.
    ['are to come when nobody limits memory yet', ['cgroup/a.slice/pids.max', 'proc/swaps'], 'quiet', true],
    ['are not to come without swap', [], 'quiet', false],
    ['are not to come when they are switched off', ['proc/swaps'], 'quiet swapaccount=0 ro', false],
  ])('%s', (_, files, commandLine, expected) => {
    mkdirSync(join(root, 'cgroup'));
    for (const file of [...files, 'proc/cmdline']) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), commandLine);
    }
    const layout = {
      version: 2,
      controllerMounts: new Map(),
      unifiedMount: join(root, 'cgroup'),
      controllers: new Set(['memory']),
    } as const;
    expect(cgroupLimits(layout, join(root, 'proc'))).toMatchObject({ memoryLimit: true, swapLimit: expected });
  });
});
