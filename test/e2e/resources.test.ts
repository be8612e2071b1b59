import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();
const isV1 = existsSync('/sys/fs/cgroup/memory/memory.limit_in_bytes');

async function call(method: string, path: string, body?: unknown): Promise<{ status: number; json: any }> {
  return suite.daemon.api.call(method, path, body);
}

const inspect = async (ref: string): Promise<any> => (await call('GET', `/containers/${ref}/json`)).json;

/** A container that runs until it is removed; with no network unless it is told. */
async function running(name: string, host: object = {}, command = 'sleep 1000'): Promise<string> {
  const body = { Image: 'busybox', Cmd: ['sh', '-c', command], HostConfig: { NetworkMode: 'none', ...host } };
  const { json } = await call('POST', `/containers/create?name=${name}`, body);
  expect((await call('POST', `/containers/${json.Id}/start`)).status).toBe(204);
  return json.Id;
}

/** A control file of the container's group as the kernel has it. */
async function kernel(ref: string, v1: [string, string], v2: string): Promise<string> {
  const { Pid } = (await inspect(ref)).State;
  const groups = readFileSync(`/proc/${Pid}/cgroup`, 'utf8');
  const line = new RegExp(isV1 ? `^\\d+:(?:[^:]*,)?${v1[0]}(?:,[^:]*)?:(.*)$` : '^0::(.*)$', 'm').exec(groups)!;
  return readFileSync(join('/sys/fs/cgroup', isV1 ? v1[0] : '', line[1]!, isV1 ? v1[1] : v2), 'utf8').trim();
}

const memoryLimit = (ref: string): Promise<string> => kernel(ref, ['memory', 'memory.limit_in_bytes'], 'memory.max');
const pidsLimit = (ref: string): Promise<string> => kernel(ref, ['pids', 'pids.max'], 'pids.max');

describe('stats', () => {
  it('streams samples with a load until the container is removed, all zeros while it is stopped', async () => {
    const id = await running('streamed', { NetworkMode: 'bridge', Memory: 64 << 20 }, 'while :; do :; done');
    const reply = await suite.daemon.api.open('GET', `/containers/${id}/stats`);
    let text = '';
    reply.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const ended = new Promise((resolve) => reply.once('end', resolve));
    const seen = (): any[] =>
      text
        .split('\n')
        .slice(0, -1)
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    await poll('three samples', () => seen().length >= 3, { timeoutMs: 40_000 });
    const [first, second] = seen();
    expect(second).toMatchObject({
      id,
      name: '/streamed',
      pids_stats: { current: 1 },
      memory_stats: { limit: 64 << 20 },
    });
    expect(second.cpu_stats.cpu_usage.total_usage).toBeGreaterThan(second.precpu_stats.cpu_usage.total_usage);
    expect(second.cpu_stats.system_cpu_usage).toBeGreaterThan(second.precpu_stats.system_cpu_usage);
    expect(second.preread).toBe(first.read);
    expect(Object.keys(second.networks)).toEqual(['eth0']);
    await call('POST', `/containers/${id}/kill`);
    await poll('a sample of zeros', () => seen().at(-1)!.read === '0001-01-01T00:00:00Z', { timeoutMs: 40_000 });
    expect(seen().at(-1)!.memory_stats).toEqual({});
    await call('DELETE', `/containers/${id}?force=1`);
    await ended;
  });

  it('gives one sample with a load, or one without at once', async () => {
    const id = await running('once');
    const loaded = (await call('GET', `/containers/${id}/stats?stream=false`)).json;
    expect(loaded.precpu_stats.cpu_usage.total_usage).toBeGreaterThan(0);
    expect(loaded.networks).toBeUndefined();
    const atOnce = (await call('GET', `/containers/${id}/stats?stream=0&one-shot=1`)).json;
    expect(atOnce.preread).toBe('0001-01-01T00:00:00Z');
    expect(atOnce.precpu_stats.cpu_usage.total_usage).toBe(0);
    expect(atOnce.memory_stats.limit).toBeGreaterThan(1 << 30);
    expect(await call('GET', `/containers/${id}/stats?stream=1&one-shot=1`)).toMatchObject({
      status: 400,
      json: { message: 'cannot have stream=true and one-shot=true' },
    });
    expect(await call('GET', '/containers/nosuch/stats')).toMatchObject({
      status: 404,
      json: { message: 'No such container: nosuch' },
    });
    await call('DELETE', `/containers/${id}?force=1`);
  });

  it('counts no interfaces of the host', async () => {
    const id = await running('hostnet', { NetworkMode: 'host' });
    expect((await call('GET', `/containers/${id}/stats?stream=0&one-shot=1`)).json.networks).toBeUndefined();
    await call('DELETE', `/containers/${id}?force=1`);
  });
});

describe('top', () => {
  it.each([
    ['', 200, ['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD']],
    ['aux', 200, ['USER', 'PID', '%CPU', '%MEM', 'VSZ', 'RSS', 'TTY', 'STAT', 'START', 'TIME', 'COMMAND']],
    ['-o pid,comm', 200, ['PID', 'COMMAND']],
    ['-o cmd', 500, "Couldn't find PID field in ps output"],
    ['--bogus', 500, 'ps: error: unknown gnu long option'],
    ['-ef ', 500, 'ps: error: garbage option'],
    ['-o user=PID', 500, 'specifying "user=PID" is not allowed'],
  ])('with %j answers %i', async (args, status, answer) => {
    if (!(await call('GET', '/containers/topped/json')).json.Id) await running('topped');
    const path = `/containers/topped/top?ps_args=${encodeURIComponent(args)}`;
    if (status !== 200) return expect(await call('GET', path)).toMatchObject({ status, json: { message: answer } });
    // The shell is still about to become what it was asked for.
    const { json } = await poll('sleep to run', async () => {
      const reply = await call('GET', path);
      return reply.status !== 200 || reply.json.Processes[0]?.at(-1).startsWith('sleep') ? reply : null;
    });
    expect(json.Titles).toEqual(answer);
    expect(json.Processes).toHaveLength(1);
  });

  it('is refused when nothing runs', async () => {
    await call('POST', '/containers/topped/kill');
    const { Id } = await poll('its end', async () => {
      const shown = await inspect('topped');
      return shown.State.Running ? null : shown;
    });
    expect(await call('GET', '/containers/topped/top')).toMatchObject({
      status: 409,
      json: { message: `container ${Id} is not running` },
    });
    await call('DELETE', '/containers/topped');
  });
});

describe('update', () => {
  const update = (ref: string, body: object): Promise<{ status: number; json: any }> =>
    call('POST', `/containers/${ref}/update`, body);

  it('changes each limit of a running container at once, and only what was given', async () => {
    const id = await running('limited', { Memory: 64 << 20, MemorySwap: 128 << 20, PidsLimit: 50 });
    for (const [body, host] of [
      [{ Memory: 100 << 20 }, { Memory: 100 << 20, MemorySwap: 128 << 20 }],
      [{ MemorySwap: 200 << 20 }, { Memory: 100 << 20, MemorySwap: 200 << 20 }],
      [{ MemoryReservation: 50 << 20 }, { MemoryReservation: 50 << 20 }],
      [
        { CpuShares: 512, CpuPeriod: 50_000, CpuQuota: 25_000 },
        { CpuShares: 512, CpuPeriod: 50_000, CpuQuota: 25_000 },
      ],
      [{ CpusetCpus: '0' }, { CpusetCpus: '0', CpuQuota: 25_000 }],
      [{ PidsLimit: 10 }, { PidsLimit: 10 }],
      [
        { PidsLimit: null, Memory: 0, CpusetCpus: '' },
        { PidsLimit: 10, Memory: 100 << 20, CpusetCpus: '0' },
      ],
      [
        { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } },
        { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } },
      ],
      // These are no limits that an update is for.
      [
        { OomKillDisable: true, Ulimits: [{ Name: 'nofile', Soft: 5, Hard: 5 }] },
        { OomKillDisable: isV1 ? false : null },
      ],
    ]) {
      expect((await update(id, body!)).status).toBe(200);
      expect((await inspect(id)).HostConfig).toMatchObject(host!);
    }
    expect((await inspect(id)).HostConfig.Ulimits ?? []).toEqual([]);
    expect(await memoryLimit(id)).toBe(String(100 << 20));
    expect(await pidsLimit(id)).toBe('10');
    expect(await kernel(id, ['cpuset', 'cpuset.cpus'], 'cpuset.cpus')).toBe('0');
    expect((await update(id, { PidsLimit: -1 })).status).toBe(200);
    expect(await pidsLimit(id)).toBe('max');
    expect((await inspect(id)).HostConfig.PidsLimit).toBe(0);
    await call('DELETE', `/containers/${id}?force=1`);
  });

  it.each([
    [{ Memory: 1000 }, 400, 'Minimum memory limit allowed is 6MB'],
    [{ Memory: 300 << 20 }, 409, 'update the memoryswap at the same time'],
    [{ CpusetCpus: '0-99' }, 400, 'Requested CPUs are not available - requested 0-99'],
    [{ CpusetCpus: 'x' }, 400, 'Invalid value x for cpuset cpus'],
    [{ CpuQuota: 100 }, 400, 'CPU cfs quota can not be less than 1ms (i.e. 1000)'],
    [{ CpuPeriod: 10 }, 400, 'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)'],
    [{ CpuPeriod: 10_000 }, 409, 'Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set'],
    [{ CpuQuota: 10_000 }, 409, 'Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set'],
    [{ NanoCpus: 1e14 }, 400, 'range of CPUs is from 0.01 to'],
    [{ RestartPolicy: { Name: 'bogus' } }, 400, "invalid restart policy: unknown policy 'bogus'"],
    [
      { RestartPolicy: { Name: 'always', MaximumRetryCount: 3 } },
      400,
      "maximum retry count can only be used with 'on-failure'",
    ],
    [
      { RestartPolicy: { Name: 'always' } },
      409,
      'Restart policy cannot be updated because AutoRemove is enabled for the container',
    ],
    [{ Memory: 'x' }, 400, 'json: cannot unmarshal string into Go struct field UpdateConfig.Memory of type int64'],
  ])('refuses %j with %i', async (body, status, message) => {
    const name = 'refusing';
    if (!(await inspect(name)).Id) {
      await running(name, { Memory: 64 << 20, MemorySwap: 128 << 20, NanoCpus: 5e8, AutoRemove: true });
    }
    const before = (await inspect(name)).HostConfig;
    const reply = await update(name, body);
    expect(reply.json.message).toContain(message);
    expect(reply.status).toBe(status);
    expect((await inspect(name)).HostConfig).toEqual(before);
  });

  it.each([
    [
      { Memory: 100 << 20, MemorySwap: -1 },
      { MemoryReservation: 150 << 20 },
      'Minimum memory limit can not be less than memory reservation limit, see usage',
    ],
    [
      { Memory: 100 << 20, MemorySwap: 200 << 20 },
      { MemorySwap: 80 << 20 },
      'Minimum memoryswap limit should be larger than memory limit, see usage',
    ],
    [{}, { MemorySwap: 80 << 20 }, 'You should always set the Memory limit when using Memoryswap limit, see usage'],
  ])('lets %j become %j, which the next start refuses', async (host, body, message) => {
    const { Id } = (
      await call('POST', '/containers/create', {
        Image: 'busybox',
        Cmd: ['sleep', '1000'],
        HostConfig: { NetworkMode: 'none', ...host },
      })
    ).json;
    expect((await update(Id, body)).status).toBe(200);
    const before = await inspect(Id);
    expect(await call('POST', `/containers/${Id}/start`)).toMatchObject({ status: 400, json: { message } });
    expect(await inspect(Id)).toEqual(before);
    expect((await update(Id, { Memory: 50 << 20, MemorySwap: -1, MemoryReservation: 20 << 20 })).status).toBe(200);
    expect((await call('POST', `/containers/${Id}/start`)).status).toBe(204);
    await call('DELETE', `/containers/${Id}?force=1`);
  });

  // v2 takes any limit and kills for it instead.
  it.runIf(isV1)('changes nothing when the kernel refuses a limit', async () => {
    const command = 'dd if=/dev/zero of=/dev/shm/x bs=1M count=30; echo filled; sleep 1000';
    const id = await running(
      'refused',
      { Memory: 64 << 20, MemorySwap: 64 << 20, PidsLimit: 50, CpusetCpus: '0' },
      command,
    );
    await poll('it to use memory', async () => (await suite.daemon.ok('logs', id)).includes('filled'));
    const before = (await inspect(id)).HostConfig;
    const body = { Memory: 8 << 20, MemorySwap: 8 << 20, PidsLimit: 10, CpuShares: 99, CpusetCpus: '0' };
    const reply = await update(id, body);
    expect(reply.status).toBe(500);
    expect(reply.json.message).toContain(
      `Cannot update container ${id}: runc did not terminate successfully: exit status 1: `,
    );
    expect(reply.json.message).toContain(`unable to set memory limit to ${8 << 20}`);
    expect((await inspect(id)).HostConfig).toEqual(before);
    expect(await memoryLimit(id)).toBe(String(64 << 20));
    expect(await pidsLimit(id)).toBe('50');
    expect(await kernel(id, ['cpu', 'cpu.shares'], 'cpu.weight')).toBe('1024');
    await call('DELETE', `/containers/${id}?force=1`);
  });
});

/** What an init system or a daemon in a container does: its first process is then in a group below the container's. */
const NESTING = `mkdir /sys/fs/cgroup/first /sys/fs/cgroup/second
echo 1 > /sys/fs/cgroup/first/cgroup.procs
echo '+memory +pids' > /sys/fs/cgroup/cgroup.subtree_control
sh -c 'echo $$ > /sys/fs/cgroup/second/cgroup.procs; exec sleep 1001' &
exec sleep 1000`;

describe.skipIf(isV1)('a container with control groups of its own', () => {
  it('is counted, listed, frozen and entered as a whole', async () => {
    const id = await running('nested', { Privileged: true, CgroupnsMode: 'private', PidsLimit: 50 }, NESTING);
    const commands = async (): Promise<string[]> =>
      (await call('GET', `/containers/${id}/top?ps_args=-o%20pid,args`)).json.Processes.map(
        ([, args]: string[]) => args,
      );
    await poll('both to run', async () => (await commands()).sort().join() === 'sleep 1000,sleep 1001');
    const { json } = await call('GET', `/containers/${id}/stats?stream=0&one-shot=1`);
    expect(json.pids_stats).toEqual({ current: 2, limit: 50 });
    expect(await suite.daemon.ok('exec', 'nested', 'echo', 'entered')).toBe('entered');
    expect((await call('POST', `/containers/${id}/pause`)).status).toBe(204);
    const group = join(
      '/sys/fs/cgroup',
      readFileSync(`/proc/${(await inspect(id)).State.Pid}/cgroup`, 'utf8')
        .slice(3)
        .trim(),
    );
    for (const one of ['first', 'second']) {
      expect(readFileSync(join(group, '..', one, 'cgroup.events'), 'utf8')).toContain('frozen 1');
    }
    expect((await call('POST', `/containers/${id}/unpause`)).status).toBe(204);
    await call('DELETE', `/containers/${id}?force=1`);
  });
});

it('sees that memory ran out even when the process was gone at once', async () => {
  const body = {
    Image: 'busybox',
    Cmd: ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=64M'],
    HostConfig: { NetworkMode: 'none', Memory: 8 << 20, MemorySwap: 8 << 20 },
  };
  const { Id } = (await call('POST', '/containers/create', body)).json;
  const ended = call('POST', `/containers/${Id}/wait?condition=next-exit`);
  await call('POST', `/containers/${Id}/start`);
  expect((await ended).json.StatusCode).toBe(137);
  expect((await inspect(Id)).State).toMatchObject({ OOMKilled: true, ExitCode: 137 });
  const filters = encodeURIComponent(JSON.stringify({ container: [Id], event: ['oom', 'die'] }));
  const told = await suite.daemon.api.get(`/events?since=0&until=${Math.ceil(Date.now() / 1000)}&filters=${filters}`);
  const actions = told.text.trim().split('\n');
  expect(actions.map((line) => JSON.parse(line).Action)).toEqual(['oom', 'die']);
  await call('DELETE', `/containers/${Id}`);
});
