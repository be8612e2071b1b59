import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { poll } from '../../../test/support/poll.js';
import { CgroupControl } from './cgroup-control.js';
import { detectCgroups, type CgroupLayout } from './cgroup-layout.js';

const host = detectCgroups();
/** A hybrid host's hierarchy of version 2 has no controllers, but freezes and lists processes as any. */
const layouts: [string, CgroupLayout][] = [
  ...(host.version === 1 ? [['v1', host] as [string, CgroupLayout]] : []),
  ...(host.unifiedMount === null
    ? []
    : [['v2', { ...host, version: 2, controllerMounts: new Map() }] as [string, CgroupLayout]]),
];

describe.each(layouts)('cgroup %s', (_name, layout) => {
  const mount = layout.version === 2 ? layout.unifiedMount! : layout.controllerMounts.get('freezer')!;
  const name = `wharf-test-control-${process.pid}`;
  const group = join(mount, name);
  const below = join(group, 'below');
  const children: ChildProcess[] = [];
  const control = new CgroupControl(layout);

  const sleeperIn = (directory: string, program = 'sleep', args = ['1000']): number => {
    mkdirSync(directory, { recursive: true });
    const child = spawn(program, args);
    children.push(child);
    writeFileSync(join(directory, 'cgroup.procs'), String(child.pid));
    return child.pid!;
  };
  const isFrozen = (): boolean =>
    layout.version === 2
      ? readFileSync(join(group, 'cgroup.events'), 'utf8').includes('frozen 1')
      : readFileSync(join(group, 'freezer.state'), 'utf8').trim() === 'FROZEN';

  afterEach(async () => {
    for (const child of children.splice(0)) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    }
    for (const directory of [below, group]) {
      if (!existsSync(directory)) continue;
      await poll('an empty group', () => readFileSync(join(directory, 'cgroup.procs'), 'utf8') === '');
      rmdirSync(directory);
    }
  });

  it('freezes a group with what is below it, and thaws it', async () => {
    sleeperIn(group);
    // As the first process of a container with an init system does it.
    const pid = sleeperIn(below);
    await control.freeze(pid, name);
    expect(isFrozen()).toBe(true);
    await control.thaw(pid, name);
    await poll('the thaw', () => !isFrozen());
  });

  it.runIf(layout.version === 2)('lists the processes of a group and of those below it', async () => {
    const pids = [sleeperIn(below), sleeperIn(group), sleeperIn(group)];
    expect(await control.pids(pids[0]!, name)).toEqual(pids.sort((a, b) => a - b));
  });

  it('finds the group of a process whose first thread has ended', async () => {
    const script = `
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(1000,)).start()
while '${name}' not in open('/proc/self/cgroup').read(): time.sleep(0.01)
ctypes.CDLL(None).pthread_exit(None)`;
    const pid = sleeperIn(group, 'python3', ['-c', script]);
    await poll('the end of the thread', () => /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')), {
      timeoutMs: 60_000,
    });
    await control.freeze(pid, name);
    expect(isFrozen()).toBe(true);
    await control.thaw(pid, name);
    await poll('the thaw', () => !isFrozen());
  });

  it('freezes a process with threads that replaces itself all the time', async () => {
    // With arguments that take the kernel a while.
    const script = `
import os, sys, threading, time
for _ in range(3): threading.Thread(target=time.sleep, args=(1000,)).start()
os.execv(sys.executable, ['python3', '-SE', '-c', sys.argv[1], sys.argv[1]] + 12 * [120_000 * 'x'])`;
    const pid = sleeperIn(group, 'python3', ['-SE', '-c', script, script]);
    for (let round = 0; round < 40; round++) {
      await control.freeze(pid, name);
      expect(isFrozen()).toBe(true);
      await control.thaw(pid, name);
      await new Promise((resolve) => setTimeout(resolve, round));
    }
  });

  it('lets nobody freeze the host', async () => {
    const child = spawn('sleep', ['1000']);
    children.push(child);
    writeFileSync(join(mount, 'cgroup.procs'), String(child.pid));
    await expect(control.freeze(child.pid!, name)).rejects.toThrow('is in the root control group');
  });
});
