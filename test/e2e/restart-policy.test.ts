import { describe, expect, it } from 'vitest';
import type { ApiReply } from '../support/api-client.js';
import { Box } from '../support/box.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();
const SLEEP = ['sleep', '1000'];
const isReference = process.env['WHARF_TEST_TARGET'] !== undefined;
const PATIENT = { timeoutMs: 60_000 };

const policy = (Name: string, MaximumRetryCount = 0): object => ({
  HostConfig: { RestartPolicy: { Name, MaximumRetryCount } },
});
/** Until it has been restarted so often; its inspect. */
const restarted = (box: Box, count: number): Promise<any> =>
  poll(
    `${count} restarts`,
    async () => {
      const all = await box.inspect();
      return all.RestartCount >= count ? all : null;
    },
    PATIENT,
  );
/** Until it waits for a restart, and will for some time. */
const inBackOff = (box: Box): Promise<unknown> =>
  poll(
    'a long back-off',
    async () => {
      const { RestartCount, State } = await box.inspect();
      return RestartCount >= 5 && State.Status === 'restarting';
    },
    PATIENT,
  );

interface Told {
  Action: string;
  timeNano: number;
}

async function told(box: Box): Promise<Told[]> {
  const filters = encodeURIComponent(JSON.stringify({ container: [box.id], type: ['container'] }));
  const { text } = await box.daemon.api.get(`/v1.51/events?since=0&until=${Date.now() / 1000}&filters=${filters}`);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Told);
}

describe('a restart policy', () => {
  it.each<[string, object, number, boolean]>([
    ['no', policy('no'), 1, false],
    ['always', policy('always'), 0, true],
    ['unless-stopped', policy('unless-stopped'), 0, true],
    ['on-failure, of a success', policy('on-failure'), 0, false],
    ['on-failure, of a failure', policy('on-failure'), 1, true],
  ])('%s', async (_, config, code, again) => {
    const box = await Box.run(suite.daemon, ['sh', '-c', `exit ${code}`], config);
    if (again) {
      await restarted(box, 2);
      await box.ok('stop');
    } else await box.until('exited');
    expect((await box.inspect()).RestartCount > 0).toBe(again);
    await box.remove();
  });

  it('on-failure gives up after so many tries, and begins anew with a start by hand', async () => {
    const box = await Box.run(suite.daemon, ['sh', '-c', 'exit 3'], policy('on-failure', 2));
    for (let start = 0; start < 2; start++) {
      await restarted(box, 2);
      expect(await box.until('exited')).toMatchObject({ ExitCode: 3, Restarting: false });
      expect((await box.inspect()).RestartCount).toBe(2);
      await box.ok('start');
    }
    await box.remove();
  });

  it('waits longer each time', async () => {
    const box = await Box.run(suite.daemon, ['false'], policy('always'));
    await restarted(box, 4);
    const events = await told(box);
    const waits = events.flatMap(({ Action, timeNano }, index) =>
      Action === 'die' && events[index + 1] ? [(events[index + 1]!.timeNano - timeNano) / 1e6] : [],
    );
    // A busy machine makes them longer, never shorter.
    for (const [index, least] of [100, 200, 400].entries()) expect(waits[index]).toBeGreaterThanOrEqual(least);
    expect(new Set(events.map(({ Action }) => Action))).toEqual(new Set(['create', 'start', 'die']));
    await box.remove();
  });

  it('counts a restarting container as running: it starts no sooner, and can be neither paused nor removed', async () => {
    const box = await Box.run(suite.daemon, ['false'], policy('always'));
    await inBackOff(box);
    expect((await box.post('start')).status).toBe(304);
    // Another restart may come between on a busy machine; the next wait is twice as long.
    const asked = (ask: () => Promise<ApiReply>): Promise<ApiReply> =>
      poll(
        'an answer within one back-off',
        async () => {
          const before = await box.inspect();
          const reply = await ask();
          const after = await box.inspect();
          const isOne = before.State.Restarting && after.State.Restarting && before.RestartCount === after.RestartCount;
          return isOne ? reply : null;
        },
        PATIENT,
      );
    const { Name } = await box.inspect();
    for (const ask of [
      () => box.post('pause'),
      () => box.daemon.api.get(`/containers/${Name.slice(1)}/top`),
      () => box.daemon.api.post(`/containers/${Name.slice(1)}/exec`, { Cmd: ['true'] }),
    ]) {
      expect(await asked(ask)).toMatchObject({
        status: 409,
        json: { message: `Container ${box.id} is restarting, wait until the container is running` },
      });
    }
    expect(await asked(() => box.daemon.api.delete(`/containers/${box.id}`))).toMatchObject({
      status: 409,
      json: {
        message: `cannot remove container "${box.id}": container is restarting: stop the container before removing or force remove`,
      },
    });
    await box.remove();
  });

  it.each([
    ['stop', 'stop'],
    ['kill', null],
    ['kill?signal=USR1', null],
  ])('ends with a %s in the back-off, without another death', async (verb, event) => {
    const box = await Box.run(suite.daemon, ['sh', '-c', 'exit 5'], policy('always'));
    await inBackOff(box);
    const waiting = box.post('wait');
    await box.ok(verb);
    expect(await box.until('exited')).toMatchObject({ ExitCode: 5, Running: false, Restarting: false });
    if (event) expect((await told(box)).at(-1)!.Action).toBe(event);
    await box.remove();
    await waiting;
  });

  it('goes on after a signal that is not for its end', async () => {
    const box = await Box.run(suite.daemon, ['false'], { ...policy('always'), StopSignal: 'TERM' });
    await inBackOff(box);
    expect((await box.post('kill?signal=USR1')).status).toBe(204);
    await restarted(box, 6);
    await box.remove();
  });

  it('survives the death of its process by another hand, and not a kill through the API', async () => {
    const box = await Box.run(suite.daemon, SLEEP, policy('always'));
    const first = await box.state();
    process.kill(first.Pid as number, 'SIGKILL');
    await restarted(box, 1);
    const second = await box.until('running');
    expect(second.Pid).not.toBe(first.Pid);
    await box.ok('kill');
    expect(await box.until('exited')).toMatchObject({ ExitCode: 137 });
    await box.remove();
  });

  it('can be changed while it runs', async () => {
    const box = await Box.run(suite.daemon, SLEEP);
    await box.ok('update', { RestartPolicy: { Name: 'always' } });
    const { Pid } = await box.state();
    process.kill(Pid as number, 'SIGKILL');
    await restarted(box, 1);
    await box.until('running');
    await box.ok('update', { RestartPolicy: { Name: 'no' } });
    process.kill((await box.state()).Pid as number, 'SIGKILL');
    await box.until('exited');
    await box.remove();
  });
});

describe.skipIf(isReference).each(['SIGTERM', 'SIGKILL'] as const)(
  'a daemon that ends by %s and comes back',
  (signal) => {
    it('starts what its policies ask for, and nothing else', { timeout: 240_000 }, async () => {
      const { daemon } = suite;
      const run = (name: string, retries = 0): Promise<Box> => Box.run(daemon, SLEEP, policy(name, retries));
      const died = {
        always: await run('always'),
        unlessStopped: await run('unless-stopped'),
        onFailure: await run('on-failure', 2),
        no: await run('no'),
      };
      const stopped = {
        always: await run('always'),
        unlessStopped: await run('unless-stopped'),
        onFailure: await run('on-failure'),
      };
      const stays = await run('always');
      const created = await Box.create(daemon, SLEEP, policy('always'));
      const looping = await Box.run(daemon, ['sh', '-c', 'exit 4'], policy('unless-stopped'));
      const removes = await Box.run(daemon, SLEEP, { HostConfig: { AutoRemove: true } });
      const linked = await Box.run(daemon, SLEEP, {
        HostConfig: { NetworkMode: `container:${died.always.id}`, RestartPolicy: { Name: 'always' } },
      });
      await inBackOff(looping);
      await Promise.all(Object.values(stopped).map((box) => box.ok('stop?t=0')));
      const before = await stays.state();
      const pids = await Promise.all(
        [...Object.values(died), removes, linked].map(async (box) => (await box.state()).Pid as number),
      );

      await daemon.down(signal);
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      await daemon.up();

      for (const box of [died.always, died.unlessStopped, died.onFailure, linked]) {
        const state = await box.until('running');
        expect(pids).not.toContain(state.Pid);
        expect((await box.inspect()).RestartCount).toBe(1);
      }
      expect(await died.no.state()).toMatchObject({ Status: 'exited', ExitCode: 137 });
      await stopped.always.until('running');
      for (const box of [stopped.unlessStopped, stopped.onFailure]) {
        expect(await box.state()).toMatchObject({ Status: 'exited', ExitCode: 137 });
      }
      expect((await created.state()).Status).toBe('created');
      expect(await stays.state()).toMatchObject({ Status: 'running', Pid: before.Pid, StartedAt: before.StartedAt });
      await restarted(looping, 6);
      await poll('its removal', async () => (await removes.post('stop')).status === 404);
      await daemon.removeAllContainers();
    });
  },
);
