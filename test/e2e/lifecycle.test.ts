import { describe, expect, it } from 'vitest';
import { Box } from '../support/box.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();
const SLEEP = ['sleep', '1000'];
/** Says the number of each signal that it is sent, in the order of arrival; goes on. */
const LISTENER = [
  'sh',
  '-c',
  'for s in 1 10 12 15 17 18 34 35 37 49 50 63 64; do trap "echo got $s" $s; done; echo ready; while :; do sleep 0.02; done',
];

/** A client that waits for a condition; registered when this resolves. */
async function wait(box: Box, query = ''): Promise<{ result: Promise<any> }> {
  const reply = await box.daemon.api.open('POST', `/containers/${box.id}/wait${query}`);
  const text = async (): Promise<string> => {
    let all = '';
    for await (const chunk of reply) all += String(chunk);
    return all;
  };
  return { result: text().then((all) => JSON.parse(all) as unknown) };
}

describe('signals', () => {
  it('are taken in all the forms that dockerd knows', async () => {
    const box = await Box.run(suite.daemon, LISTENER);
    await box.says('ready');
    const forms: [string, number][] = [
      ['SIGHUP', 1],
      ['usr1', 10],
      ['%2B12', 12],
      ['015', 15],
      ['CLD', 17],
      ['sigcont', 18],
      ['RTMIN', 34],
      ['SIGRTMIN%2B3', 37],
      ['rtmin%2B15', 49],
      ['RTMAX-14', 50],
      ['RTMAX-1', 63],
      ['64', 64],
    ];
    for (const [form, number] of forms) {
      const before = (await suite.daemon.api.get(`/containers/${box.id}/logs?stdout=1`)).text.length;
      expect((await box.post(`kill?signal=${form}`)).status, form).toBe(204);
      // SIGCHLD comes with each sleep as well: that it is taken is enough.
      await poll(`signal ${number}`, async () =>
        (await suite.daemon.api.get(`/containers/${box.id}/logs?stdout=1`)).text
          .slice(before)
          .includes(`got ${number}`),
      );
    }
    await box.remove();
  });

  it.each([
    ['NOPE', 'invalid signal: NOPE'],
    ['0', 'invalid signal: 0'],
    ['65', 'the linux daemon does not support signal 65'],
    ['-1', 'the linux daemon does not support signal -1'],
    ['99999999999999999999', 'invalid signal: 99999999999999999999'],
    ['RTMIN%2B16', 'invalid signal: RTMIN+16'],
    ['RTMAX-15', 'invalid signal: RTMAX-15'],
    ['RTMIN%2B03', 'invalid signal: RTMIN+03'],
    ['0x9', 'invalid signal: 0x9'],
    ['SIGSIGHUP', 'invalid signal: SIGSIGHUP'],
  ])('%s is refused, and nothing happens', async (signal, message) => {
    const box = await Box.run(suite.daemon, SLEEP);
    expect(await box.post(`kill?signal=${signal}`)).toMatchObject({
      status: 400,
      json: { message: `cannot kill container: ${box.id}: ${message}` },
    });
    expect((await box.state()).Running).toBe(true);
    await box.remove();
  });

  it('that are unknown are refused before the container is looked up', async () => {
    expect((await suite.daemon.api.post('/containers/nosuch/kill?signal=NOPE')).status).toBe(400);
    expect((await suite.daemon.api.post('/containers/nosuch/kill?signal=TERM')).status).toBe(404);
  });
});

describe('stop', () => {
  const stops = (signal: string): string[] => [
    'sh',
    '-c',
    `trap "exit 7" ${signal}; echo ready; while :; do sleep 0.05; done`,
  ];

  it.each([
    ['the default signal', 'TERM', {}, 'stop'],
    ["the container's signal", 'USR1', { StopSignal: 'SIGUSR1' }, 'stop'],
    ["the client's signal", 'INT', { StopSignal: 'SIGUSR1' }, 'stop?signal=2'],
    ["the client's signal, on a restart", 'INT', {}, 'restart?signal=SIGINT'],
  ])('sends %s', async (_, signal, config, verb) => {
    const box = await Box.run(suite.daemon, stops(signal), { ...config, StopTimeout: 60 });
    await box.says('ready');
    const ended = await wait(box, '?condition=next-exit');
    await box.ok(verb);
    expect(await ended.result).toEqual({ StatusCode: 7 });
    await box.remove();
  });

  it('takes no signal from clients before 1.42', async () => {
    const box = await Box.run(suite.daemon, stops('TERM'), { StopTimeout: 60 });
    await box.says('ready');
    const path = `/v1.41/containers/${box.id}/stop?signal=NOPE`;
    expect((await suite.daemon.api.post(path)).status).toBe(204);
    expect(await box.state()).toMatchObject({ Status: 'exited', ExitCode: 7 });
    await box.remove();
  });

  it('takes the signal from the image', async () => {
    const { daemon } = suite;
    const box = await Box.create(daemon, SLEEP);
    const made = await daemon.api.post(`/commit?container=${box.id}&repo=usr2&changes=STOPSIGNAL%20SIGUSR2`);
    if (made.status === 501) return box.remove(); // not built here yet
    await box.remove();
    const other = await Box.run(daemon, stops('USR2'), { Image: 'usr2', StopTimeout: 60 });
    await other.says('ready');
    await other.ok('stop');
    expect((await other.state()).ExitCode).toBe(7);
    await other.remove();
    await daemon.api.delete('/images/usr2');
  });

  it('kills at once with t=0, and after the timeout otherwise', async () => {
    const box = await Box.run(suite.daemon, SLEEP, { StopTimeout: 1000 });
    await box.ok('stop?t=0');
    expect(await box.state()).toMatchObject({ Status: 'exited', ExitCode: 137, Error: '', OOMKilled: false });
    await box.ok('start');
    await box.ok('stop?t=1');
    expect((await box.state()).ExitCode).toBe(137);
    await box.remove();
  });

  it('takes numbers that are no signals, and kills when the time is over', async () => {
    const box = await Box.run(suite.daemon, SLEEP, { StopSignal: '99' });
    expect((await box.inspect()).Config.StopSignal).toBe('99');
    await box.ok('stop?signal=-5&t=0');
    expect(await box.state()).toMatchObject({ Status: 'exited', ExitCode: 137 });
    await box.ok('start');
    await box.ok('stop?t=0');
    expect(await box.state()).toMatchObject({ Status: 'exited', ExitCode: 137 });
    await box.remove();
  });

  it('says 143 for a process that TERM ends', async () => {
    const box = await Box.run(suite.daemon, ['sleep', '1000'], { HostConfig: { Init: true }, StopTimeout: 60 });
    await poll(
      'the process under the init',
      async () => (await suite.daemon.api.get(`/containers/${box.id}/top`)).json.Processes.length === 2,
    );
    await box.ok('stop');
    expect(await box.state()).toMatchObject({ Status: 'exited', ExitCode: 143, Error: '' });
    await box.remove();
  });

  it('waits for ever with t=-1, and lets others through', async () => {
    const box = await Box.run(suite.daemon, SLEEP);
    const patient = box.post('stop?t=-1');
    const alsoPatient = box.post('stop?t=-1');
    await poll('the signals', async () => (await events(box)).filter(({ Action }) => Action === 'kill').length === 2);
    // Not for others either: a rename or another stop gets through.
    expect((await box.post(`rename?name=${box.name}-patient`)).status).toBe(204);
    expect((await box.post('stop?t=0')).status).toBe(204);
    expect((await patient).status).toBe(204);
    expect((await alsoPatient).status).toBe(204);
    expect((await box.post('stop')).status).toBe(304);
    await box.remove();
  });

  it('is overtaken by rm -f', async () => {
    const box = await Box.run(suite.daemon, SLEEP);
    const patient = box.post('stop?t=-1');
    await poll('the signal', async () => (await events(box)).some(({ Action }) => Action === 'kill'));
    expect((await box.remove()).status).toBe(204);
    expect((await patient).status).toBe(204);
  });

  it('lets a paused container go on to its end', async () => {
    const box = await Box.run(suite.daemon, stops('TERM'), { StopTimeout: 60 });
    await box.says('ready');
    await box.ok('pause');
    await box.ok('stop');
    expect(await box.state()).toMatchObject({ Status: 'exited', ExitCode: 7, Paused: false });
    await box.remove();
  });

  it.each([
    ['stop?signal=NOPE', 'cannot stop container: <id>: invalid signal: NOPE'],
    ['restart?signal=NOPE', 'Cannot restart container <id>: invalid signal: NOPE'],
    ['stop?t=1.5', 'strconv.Atoi: parsing "1.5": invalid syntax'],
    ['stop?t=99999999999999999999', 'strconv.Atoi: parsing "99999999999999999999": value out of range'],
  ])('refuses %s', async (verb, message) => {
    const box = await Box.run(suite.daemon, SLEEP);
    const reply = await box.post(verb);
    // dockerd says 500 for what is the client's fault.
    expect([400, 500]).toContain(reply.status);
    expect(reply.json.message).toBe(message.replace('<id>', box.id));
    expect((await box.state()).Running).toBe(true);
    await box.remove();
  });
});

describe('a start that fails', () => {
  const advice = ': Are you trying to mount a directory onto a file (or vice-versa)?';
  const hostsBeside = 'cannot connect container to host network - container must be created in host network mode';
  const noneBeside =
    'container cannot be connected to multiple networks with one of the networks in private (none) mode';
  const beside = (mode: string, ...names: string[]): object => ({
    HostConfig: { NetworkMode: mode },
    NetworkingConfig: { EndpointsConfig: Object.fromEntries(names.map((name) => [name, {}])) },
  });

  it.each<[string, object, number, number, string]>([
    ['a directory as a command', { Cmd: ['/etc'] }, 400, 126, 'permission denied'],
    ['a file as a directory of the command', { Cmd: ['/etc/passwd/x'] }, 400, 127, advice],
    ['a directory on a file', { HostConfig: { Binds: ['/tmp:/etc/passwd'] } }, 400, 127, advice],
    [
      'a sysctl that is not there',
      { HostConfig: { Sysctls: { 'net.ipv4.nosuch': '1' } } },
      400,
      127,
      'no such file or directory',
    ],
    [
      'a tmpfs with an unknown option',
      { HostConfig: { Tmpfs: { '/t': 'bad=1' } } },
      500,
      128,
      'invalid tmpfs option "bad"',
    ],
    ['the network of the host beside another', beside('bridge', 'bridge', 'host'), 400, 128, hostsBeside],
    ['no network beside another', beside('bridge', 'bridge', 'none'), 400, 128, noneBeside],
    ['no network and that of the host', beside('none', 'none', 'host'), 400, 128, hostsBeside],
  ])('is told in the words of dockerd: %s', async (_, config, status, exitCode, words) => {
    const box = await Box.create(suite.daemon, ['true'], config);
    const reply = await box.post('start');
    expect(reply).toMatchObject({ status, json: { message: expect.stringContaining(words) as string } });
    expect(await box.state()).toMatchObject({ Status: 'created', ExitCode: exitCode, Error: reply.json.message });
    await box.remove();
  });

  it('for its own network namespace does not wait for itself', async () => {
    const { api } = suite.daemon;
    const body = { Image: 'busybox', Cmd: ['true'], HostConfig: { NetworkMode: 'container:selfish' } };
    expect((await api.post('/containers/create?name=selfish', body)).status).toBe(201);
    expect(await api.post('/containers/selfish/start')).toMatchObject({
      status: 500,
      json: { message: 'cannot join own network namespace' },
    });
    await api.delete('/containers/selfish');
  });

  it('is none for exposed ports of an unknown protocol, unless all are to be published', async () => {
    const ports = { ExposedPorts: { '80/xyz': {} } };
    const box = await Box.run(suite.daemon, SLEEP, { ...ports, HostConfig: { NetworkMode: 'bridge' } });
    expect((await box.inspect()).Config).toMatchObject(ports);
    await box.remove();
    const all = await Box.create(suite.daemon, SLEEP, {
      ...ports,
      HostConfig: { NetworkMode: 'bridge', PublishAllPorts: true },
    });
    const reply = await all.post('start');
    expect(reply).toMatchObject({
      status: 500,
      json: { message: expect.stringMatching(/: unknown protocol$/) as string },
    });
    await all.remove();
  });
});

it('asks for a name where there is none', async () => {
  expect(await suite.daemon.api.delete('/containers/')).toMatchObject({
    status: 400,
    json: { message: 'invalid name or ID supplied: ""' },
  });
});

describe('a default stop timeout', () => {
  it.skipIf(process.env['WHARF_TEST_TARGET'])('counts when the container has none', async () => {
    const { daemon } = suite;
    await daemon.down();
    await daemon.up(['--default-stop-timeout', '0']);
    const box = await Box.run(daemon, SLEEP, { StopTimeout: undefined });
    await box.ok('stop');
    expect((await events(box)).map(({ Action }) => Action)).toEqual(expect.arrayContaining(['kill', 'stop', 'die']));
    expect((await box.state()).ExitCode).toBe(137);
    await box.remove();
    await daemon.down();
    await daemon.up();
  });
});

describe('restart', () => {
  it('starts what is stopped and restarts what runs', async () => {
    const box = await Box.create(suite.daemon, SLEEP);
    await box.ok('restart');
    const first = await box.state();
    expect(first).toMatchObject({ Status: 'running', ExitCode: 0 });
    await box.ok('restart?t=0');
    const second = await box.state();
    expect(second.Pid).not.toBe(first.Pid);
    expect(second.StartedAt > first.StartedAt).toBe(true);
    expect((await box.inspect()).RestartCount).toBe(0);
    await box.remove();
  });

  it('keeps an auto-remove container, and removes it when the second start fails', async () => {
    const box = await Box.run(suite.daemon, SLEEP, { HostConfig: { AutoRemove: true } });
    await box.ok('restart?t=0');
    await box.ok('restart?t=0');
    expect((await box.state()).Running).toBe(true);
    await box.ok('stop?t=0');
    await poll('its removal', async () => (await box.post('stop')).status === 404);
    const bad = await Box.create(suite.daemon, ['no-such-command'], { HostConfig: { AutoRemove: true } });
    const reply = await bad.post('restart');
    expect(reply.json.message).toContain(`Cannot restart container ${bad.id}: failed to create task for container`);
    await poll('its removal', async () => (await bad.post('stop')).status === 404);
  });
});

describe('pause', () => {
  it('stops the processes, and unpause lets them go on', async () => {
    const box = await Box.run(suite.daemon, ['sh', '-c', 'while :; do echo tick; sleep 0.02; done']);
    await box.says('tick');
    await box.ok('pause');
    expect(await box.state()).toMatchObject({ Status: 'paused', Running: true, Paused: true });
    expect((await box.row()).Status).toMatch(/^Up .*\(Paused\)$/);
    const length = async () => (await suite.daemon.api.get(`/containers/${box.id}/logs?stdout=1`)).text.length;
    // What was written before has to arrive first.
    let before = -1;
    await poll('silence', async () => {
      const now = await length();
      const isSilent = now === before;
      before = now;
      return isSilent;
    });
    expect(await box.post('pause')).toMatchObject({
      status: 409,
      json: { message: `Container ${box.id} is already paused` },
    });
    expect(await box.post('start')).toMatchObject({
      status: 409,
      json: { message: 'cannot start a paused container, try unpause instead' },
    });
    expect(await box.remove('')).toMatchObject({
      status: 409,
      json: { message: `cannot remove container "${box.id}": container is paused and must be unpaused first` },
    });
    await box.ok('unpause');
    await poll('more ticks', async () => (await length()) > before);
    expect(await box.post('unpause')).toMatchObject({
      status: 500,
      json: { message: `Container ${box.id} is not paused` },
    });
    await box.remove();
  });
});

describe('rename', () => {
  it('frees the old name at once and survives a restart', async () => {
    const { daemon } = suite;
    const [first, second] = [await Box.create(daemon, SLEEP), await Box.create(daemon, SLEEP)];
    await first.ok(`rename?name=${first.name}-x`);
    await second.ok(`rename?name=${first.name}`);
    expect((await first.inspect()).Name).toBe(`/${first.name}-x`);
    expect((await daemon.api.get(`/containers/${first.name}/json`)).json.Id).toBe(second.id);
    expect(await second.post(`rename?name=${first.name}-x`)).toMatchObject({
      status: 409,
      json: {
        message: `Error when allocating new name: Conflict. The container name "/${first.name}-x" is already in use by container "${first.id}". You have to remove (or rename) that container to be able to reuse that name.`,
      },
    });
    if (!daemon.reference) {
      await daemon.down('SIGKILL');
      await daemon.up();
      expect((await daemon.api.get(`/containers/${first.name}/json`)).json.Id).toBe(second.id);
      expect((await daemon.api.get(`/containers/${second.name}/json`)).status).toBe(404);
    }
    await first.remove();
    await second.remove();
  });

  it('takes links along', async () => {
    const { daemon } = suite;
    const bridge = { HostConfig: { NetworkMode: 'bridge' } };
    const target = await Box.run(daemon, SLEEP, bridge);
    const links = [`${target.name}:db`];
    const parent = await Box.run(daemon, SLEEP, { HostConfig: { NetworkMode: 'bridge', Links: links } });
    await target.ok(`rename?name=${target.name}-new`);
    expect((await target.row()).Names.sort()).toEqual([`/${parent.name}/db`, `/${target.name}-new`].sort());
    await parent.ok('restart?t=0');
    const hosts = await daemon.ok('exec', parent.id, 'cat', '/etc/hosts');
    expect(hosts).toMatch(/\sdb(\s|$)/m);
    await parent.remove();
    await target.remove();
  });
});

describe('wait', () => {
  it('answers a stopped container at once, with why its start has failed', async () => {
    const box = await Box.create(suite.daemon, ['no-such-command']);
    expect(await box.ok('wait')).toEqual({ StatusCode: 0 });
    const { status, json } = await box.post('start');
    expect(status).toBe(400);
    expect(await box.ok('wait?condition=not-running')).toEqual({
      StatusCode: 127,
      Error: { Message: json.message },
    });
    expect(await box.state()).toMatchObject({ Status: 'created', ExitCode: 127, Error: json.message });
    await box.remove();
  });

  it('hears of no exit from a signal that comes before the program does', async () => {
    // The first process of a pid namespace is not ended by it; the runtime's init is, by itself.
    for (let round = 0; round < 15; round++) {
      const box = await Box.create(suite.daemon, SLEEP);
      await box.ok('start');
      await box.ok('kill?signal=TERM');
      const exit = await wait(box);
      await box.ok('kill');
      expect(await exit.result).toEqual({ StatusCode: 137 });
      await box.remove();
    }
  });

  it('hears of the next exit, of a restart in between, and of the removal', async () => {
    const box = await Box.create(suite.daemon, SLEEP);
    const first = await wait(box, '?condition=next-exit');
    const removal = await wait(box, '?condition=removed');
    await box.ok('start');
    const running = await wait(box);
    await box.ok('restart?t=0');
    expect(await first.result).toEqual({ StatusCode: 137 });
    expect(await running.result).toEqual({ StatusCode: 137 });
    const second = await wait(box, '?condition=next-exit');
    await box.remove();
    expect(await second.result).toEqual({ StatusCode: 137 });
    expect(await removal.result).toEqual({ StatusCode: 137 });
  });

  it.each([['next-exit', 'nope', 400, 'invalid condition: "nope"']])(
    'refuses a condition that it does not know',
    async (_, condition, status, message) => {
      const box = await Box.create(suite.daemon, SLEEP);
      expect(await box.post(`wait?condition=${condition}`)).toMatchObject({ status, json: { message } });
      await box.remove();
    },
  );
});

describe('prune', () => {
  const prune = (filters: object) =>
    suite.daemon.api.post(`/containers/prune?filters=${encodeURIComponent(JSON.stringify(filters))}`);

  it('removes what has stopped, by label and age', async () => {
    const { daemon } = suite;
    const labelled = (Labels: object) => Box.create(daemon, SLEEP, { Labels });
    const own = `prune-${process.pid}`;
    const [a, b, c] = [
      await labelled({ [own]: 'a' }),
      await labelled({ [own]: 'b', keep: '' }),
      await labelled({ [own]: 'c' }),
    ];
    await c.ok('start');
    expect((await prune({ label: [own], until: ['1h'] })).json).toEqual({ ContainersDeleted: null, SpaceReclaimed: 0 });
    expect((await prune({ label: [`${own}=b`, `${own}=a`] })).json.ContainersDeleted).toBeNull();
    const { json } = await prune({ label: [own], 'label!': ['keep'], until: [new Date().toISOString()] });
    expect(json).toEqual({ ContainersDeleted: [a.id], SpaceReclaimed: 0 });
    expect((await prune({ label: { [own]: true } })).json.ContainersDeleted).toEqual([b.id]);
    expect((await c.state()).Running).toBe(true);
    await c.remove();
  });

  it.each([
    [{ nope: ['x'] }, "invalid filter 'nope'"],
    [{ until: ['1h', '2h'] }, 'more than one until filter specified'],
    [{ until: ['nonsense'] }, /nonsense/],
  ])('refuses %j', async (filters, message) => {
    const reply = await prune(filters);
    expect([400, 500]).toContain(reply.status);
    expect(reply.json.message).toMatch(message);
  });
});

describe('an exit', () => {
  it('for want of memory is told as such', async () => {
    const eat = 'x=$(head -c 64m /dev/zero | tr "\\0" a); echo ${#x}';
    const box = await Box.run(suite.daemon, ['sh', '-c', eat], {
      HostConfig: { Memory: 16 << 20, MemorySwap: 16 << 20 },
    });
    await box.ok('wait');
    expect(await box.state()).toMatchObject({ Status: 'exited', ExitCode: 137, OOMKilled: true, Error: '' });
    await box.remove();
  });

  it('ends an auto-remove container with its anonymous volumes, not with others', async () => {
    const { daemon } = suite;
    const named = `kept-${process.pid}`;
    const box = await Box.create(daemon, ['true'], {
      Volumes: { '/anonymous': {} },
      HostConfig: { AutoRemove: true, Binds: [`${named}:/named`] },
    });
    const mounts = (await box.inspect()).Mounts as { Name: string; Destination: string }[];
    const anonymous = mounts.find(({ Destination }) => Destination === '/anonymous')!.Name;
    const removed = await wait(box, '?condition=removed');
    await box.ok('start');
    expect(await removed.result).toEqual({ StatusCode: 0 });
    expect((await box.post('start')).status).toBe(404);
    expect((await daemon.api.get(`/volumes/${anonymous}`)).status).toBe(404);
    expect((await daemon.api.delete(`/volumes/${named}`)).status).toBe(204);
  });
});

async function events(box: Box): Promise<{ Action: string }[]> {
  const filters = encodeURIComponent(JSON.stringify({ container: [box.id] }));
  const { text } = await box.daemon.api.get(`/events?since=0&until=${Date.now() / 1000}&filters=${filters}`);
  return text
    .split(/[\n\x1e]/)
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { Action: string });
}
