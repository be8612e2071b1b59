import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importBusybox } from '../support/busybox-image.js';
import { poll } from '../support/poll.js';
import { PrivateSystemd, SYSTEMD } from '../support/private-systemd.js';
import { TestDaemon } from '../support/test-daemon.js';

// On a host with v2 alone it would need a part of the one hierarchy that is delegated.
const canTry = existsSync(SYSTEMD) && existsSync('/sys/fs/cgroup/memory') && !process.env['WHARF_TEST_TARGET'];

describe.skipIf(!canTry)('the cgroup driver systemd', () => {
  let daemon: TestDaemon;
  const ok = (...args: string[]) => daemon.ok(...args);
  const systemctl = async (...args: string[]) => (await daemon.holder.run(['systemctl', ...args])).stdout.trim();
  const scopes = () => systemctl('list-units', '--plain', '--no-legend', 'docker-*.scope');
  const read = async (path: string) => (await daemon.holder.run(['cat', `/sys/fs/cgroup/${path}`])).stdout.trim();
  const memoryGroup = (text: string) => /^\d+:memory:(.*)$/m.exec(text)?.[1];

  beforeAll(async () => {
    daemon = await TestDaemon.start({ place: await PrivateSystemd.create(['system.slice', 'a-b.slice']) });
    await importBusybox(daemon);
  });
  afterAll(() => daemon?.[Symbol.asyncDispose]());

  it('puts containers and their execs into scopes of slices, and leaves none', async () => {
    expect((await daemon.api.get('/info')).json).toMatchObject({ CgroupDriver: 'systemd' });
    const id = await ok('run', '-d', '--name', 'one', '--network', 'none', '-m', '64m', 'busybox', 'sleep', '1000');
    const group = `/system.slice/docker-${id}.scope`;
    expect(await scopes()).toContain(`docker-${id}.scope loaded active running`);
    for (const text of [
      await ok('exec', 'one', 'cat', '/proc/self/cgroup'),
      await ok('exec', '--privileged', 'one', 'cat', '/proc/self/cgroup'),
    ]) {
      expect(memoryGroup(text)).toBe(group);
    }
    expect(await read(`memory${group}/memory.limit_in_bytes`)).toBe(String(64 << 20));
    expect(await ok('top', 'one', '-o', 'pid,args')).toContain('sleep 1000');
    expect(await ok('stats', '--no-stream', '--format', '{{.MemUsage}}', 'one')).toContain(' / 64MiB');
    await ok('pause', 'one');
    expect(await read(`freezer${group}/freezer.state`)).toBe('FROZEN');
    await ok('unpause', 'one');
    await ok('update', '-m', '32m', '--memory-swap', '32m', '--pids-limit', '40', '--cpu-shares', '512', 'one');
    expect(await read(`memory${group}/memory.limit_in_bytes`)).toBe(String(32 << 20));
    expect(await read(`pids${group}/pids.max`)).toBe('40');
    expect(await systemctl('show', '-p', 'MemoryLimit', '-p', 'CPUShares', `docker-${id}.scope`)).toBe(
      `CPUShares=512\nMemoryLimit=${32 << 20}`,
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
      daemon.docker([
        'run',
        '--rm',
        '--network=none',
        '--cgroup-parent',
        parent,
        'busybox',
        'cat',
        '/proc/self/cgroup',
      ]);
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
