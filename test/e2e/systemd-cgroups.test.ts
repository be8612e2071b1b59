import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importBusybox } from '../support/busybox-image.js';
import { poll } from '../support/poll.js';
import { PrivateSystemd, SYSTEMD } from '../support/private-systemd.js';
import { TestDaemon } from '../support/test-daemon.js';

const canTry = existsSync(SYSTEMD) && !process.env['WHARF_TEST_TARGET'];
const isV2 = existsSync('/sys/fs/cgroup/cgroup.controllers');

/** For a container that sees in which group it is. */
const VISIBLE = ['--network', 'none', '--cgroupns', 'host'];

describe.skipIf(!canTry)('the cgroup driver systemd', () => {
  let daemon: TestDaemon;
  const ok = (...args: string[]) => daemon.ok(...args);
  const systemctl = async (...args: string[]) => (await daemon.holder.run(['systemctl', ...args])).stdout.trim();
  const scopes = () => systemctl('list-units', '--plain', '--no-legend', 'docker-*.scope');
  /** A control file, of v1's controller and of v2. */
  const read = async (group: string, [controller, v1]: [string, string], v2: string) => {
    const path = isV2 ? `${group}/${v2}` : `/${controller}${group}/${v1}`;
    return (await daemon.holder.run(['cat', `/sys/fs/cgroup${path}`])).stdout.trim();
  };
  const memoryLimit = (group: string) => read(group, ['memory', 'memory.limit_in_bytes'], 'memory.max');
  const memoryGroup = (text: string) => (isV2 ? /^0::(.*)$/m : /^\d+:memory:(.*)$/m).exec(text)?.[1];

  beforeAll(async () => {
    daemon = await TestDaemon.start({ place: await PrivateSystemd.create(['system.slice', 'a-b.slice']) });
    await importBusybox(daemon);
  });
  afterAll(() => daemon?.[Symbol.asyncDispose]());

  it('puts containers and their execs into scopes of slices, and leaves none', async () => {
    expect((await daemon.api.get('/info')).json).toMatchObject({ CgroupDriver: 'systemd' });
    const id = await ok('run', '-d', '--name', 'one', ...VISIBLE, '-m', '64m', 'busybox', 'sleep', '1000');
    const group = `/system.slice/docker-${id}.scope`;
    expect(await scopes()).toContain(`docker-${id}.scope loaded active running`);
    for (const text of [
      await ok('exec', 'one', 'cat', '/proc/self/cgroup'),
      await ok('exec', '--privileged', 'one', 'cat', '/proc/self/cgroup'),
    ]) {
      expect(memoryGroup(text)).toBe(group);
    }
    expect(await memoryLimit(group)).toBe(String(64 << 20));
    expect(await ok('top', 'one', '-o', 'pid,args')).toContain('sleep 1000');
    expect(await ok('stats', '--no-stream', '--format', '{{.MemUsage}}', 'one')).toContain(' / 64MiB');
    await ok('pause', 'one');
    expect(await read(group, ['freezer', 'freezer.state'], 'cgroup.events')).toMatch(/^FROZEN$|frozen 1/);
    await ok('unpause', 'one');
    await ok('update', '-m', '32m', '--memory-swap', '32m', '--pids-limit', '40', '--cpu-shares', '512', 'one');
    expect(await memoryLimit(group)).toBe(String(32 << 20));
    expect(await read(group, ['pids', 'pids.max'], 'pids.max')).toBe('40');
    const known = ['CPUShares', 'CPUWeight', 'MemoryLimit', 'MemoryMax'].flatMap((name) => ['-p', name]);
    // The runtime turns shares into a weight, which depends on its version.
    expect(await systemctl('show', ...known, `docker-${id}.scope`)).toMatch(
      isV2
        ? new RegExp(`^CPUWeight=\\d+$[^]*^MemoryMax=${32 << 20}$`, 'm')
        : /^CPUShares=512$[^]*^MemoryLimit=33554432$/m,
    );
    await ok('exec', '-d', 'one', 'tail', '/dev/zero');
    await poll('the want of memory', async () => (await ok('inspect', '-f', '{{.State.OOMKilled}}', 'one')) === 'true');
    await ok('restart', '-t', '0', 'one');
    expect(await scopes()).toContain(`docker-${id}.scope loaded active running`);
    await ok('rm', '-f', 'one');
    await poll('the scope to be gone', async () => (await scopes()) === '');
  });

  it('puts them into the slice asked for, which has to be one', async () => {
    const run = (parent: string) =>
      daemon.docker(['run', '--rm', ...VISIBLE, '--cgroup-parent', parent, 'busybox', 'cat', '/proc/self/cgroup']);
    const { stdout } = await run('a-b.slice');
    expect(memoryGroup(stdout)).toMatch(/^\/a\.slice\/a-b\.slice\/docker-[0-9a-f]{64}\.scope$/);
    for (const parent of ['a', '/a/b', '.slice']) {
      expect((await run(parent)).stderr).toContain(
        'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"',
      );
    }
  });

  it('finds its containers again after a kill', async () => {
    const id = await ok('run', '-d', '--name', 'stays', '--network', 'none', 'busybox', 'sleep', '1000');
    await daemon.down('SIGKILL');
    await daemon.up();
    expect(await ok('exec', 'stays', 'echo', 'here')).toBe('here');
    expect(await scopes()).toContain(`docker-${id}.scope`);
    await ok('rm', '-f', 'stays');
    await poll('the scope to be gone', async () => (await scopes()) === '');
  });
});
