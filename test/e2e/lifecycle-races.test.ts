import { describe, expect, it } from 'vitest';
import { Box } from '../support/box.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();
/** Containers per way of starting them; four ways make two hundred. */
const COUNT = Number(process.env['WHARF_RACE_COUNT'] ?? 50);
const AT_ONCE = 8;
const PATIENCE_MS = 600_000;
const SLEEP = ['sleep', '1000'];

/** Runs `work` for 0 … count-1, a few at a time; the results in order. */
async function several<T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) results[index] = await work(index);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

const code = (index: number): number => index % 120;
const exitWith = (index: number): string[] => ['sh', '-c', `exit ${code(index)}`];
const codes = Array.from({ length: COUNT }, (_, index) => code(index));
const rounds = Array.from({ length: 8 }, (_, round) => round);

describe('many containers that end at once', () => {
  const docker = (...args: string[]) => suite.daemon.docker(args, { timeoutMs: PATIENCE_MS });

  it('under run', { timeout: PATIENCE_MS }, async () => {
    const results = await several(COUNT, (index) =>
      docker('run', '--network', 'none', 'busybox', 'sh', '-c', `echo ${index}; exit ${code(index)}`),
    );
    expect(results.map((result) => result.code)).toEqual(codes);
    expect(results.map(({ stdout }) => stdout)).toEqual(codes.map((_, index) => `${index}\n`));
    await suite.daemon.removeAllContainers();
  });

  it('under run --rm', { timeout: PATIENCE_MS }, async () => {
    const results = await several(COUNT, (index) =>
      docker('run', '--rm', '--network', 'none', 'busybox', 'sh', '-c', `echo ${index}; exit ${code(index)}`),
    );
    expect(results.map((result) => result.code)).toEqual(codes);
    expect(results.map(({ stdout }) => stdout)).toEqual(codes.map((_, index) => `${index}\n`));
    await poll('an empty list', async () => (await suite.daemon.api.get('/containers/json?all=1')).json.length === 0);
  });

  it('under run -d and wait', { timeout: PATIENCE_MS }, async () => {
    const results = await several(COUNT, async (index) => {
      const { stdout } = await docker('run', '-d', '--network', 'none', 'busybox', ...exitWith(index));
      return Number((await docker('wait', stdout.trim())).stdout);
    });
    expect(results).toEqual(codes);
    await suite.daemon.removeAllContainers();
  });

  it('under a wait for the next exit before the start', { timeout: PATIENCE_MS }, async () => {
    const { daemon } = suite;
    const results = await several(COUNT, async (index) => {
      const box = await Box.create(daemon, exitWith(index));
      const path = `/containers/${box.id}/wait?condition=next-exit`;
      const waiting = await daemon.api.open('POST', path, undefined, {}, PATIENCE_MS);
      await box.ok('start');
      let text = '';
      for await (const chunk of waiting) text += String(chunk);
      expect((await box.state()).ExitCode).toBe(code(index));
      await box.remove();
      return (JSON.parse(text) as { StatusCode: number }).StatusCode;
    });
    expect(results).toEqual(codes);
  });
});

describe.each(rounds)('at the same time, round %i', (round) => {
  it('two stops, a kill and a rm -f', async () => {
    const box = await Box.run(suite.daemon, SLEEP);
    const ended = box.post('wait?condition=next-exit');
    const gone = box.post('wait?condition=removed');
    const verbs = [() => box.post('stop?t=30'), () => box.post('stop?t=0'), () => box.post('kill'), () => box.remove()];
    // Another one is first each time.
    const order = verbs.map((_, index) => (index + round) % verbs.length);
    const replies: { status: number; text: string }[] = [];
    await Promise.all(order.map(async (index) => (replies[index] = await verbs[index]!())));
    const [patient, quick, kill, remove] = replies.map(({ status }) => status);
    expect([204, 304, 404]).toContain(patient);
    expect([204, 304, 404]).toContain(quick);
    expect([204, 404, 409]).toContain(kill);
    expect(remove).toBe(204);
    expect((await ended).json.StatusCode).toBe(137);
    expect((await gone).json.StatusCode).toBe(137);
    expect((await box.post('start')).status).toBe(404);
  });

  it('a start and a removal', async () => {
    const box = await Box.create(suite.daemon, SLEEP);
    const force = round % 2 === 1;
    const verbs = [() => box.post('start'), () => box.remove(force ? 'force=1' : '')];
    if (round % 4 > 1) verbs.reverse();
    const replies = await Promise.all(verbs.map((verb) => verb()));
    if (round % 4 > 1) replies.reverse();
    const [start, remove] = replies.map(({ status }) => status);
    expect([204, 404, 409]).toContain(start);
    if (remove === 204) {
      expect((await box.post('start')).status).toBe(404);
    } else {
      expect(force).toBe(false);
      expect([remove, start]).toEqual([409, 204]);
      expect((await box.state()).Running).toBe(true);
      await box.remove();
    }
  });

  it('starts, restarts, removals and renames of one container', async () => {
    const { daemon } = suite;
    const box = await Box.create(daemon, SLEEP);
    const starts = await Promise.all([box.post('start'), box.post('start'), box.post('start')]);
    expect(starts.map(({ status }) => status).sort()).toEqual([204, 304, 304]);
    const restarts = await Promise.all([box.post('restart?t=0'), box.post('restart?t=0')]);
    expect(restarts.map(({ status }) => status)).toEqual([204, 204]);
    expect((await box.state()).Running).toBe(true);
    const other = await Box.create(daemon, SLEEP);
    const names = [box, other].map((one) => one.post(`rename?name=only-one-${box.id.slice(0, 8)}`));
    expect((await Promise.all(names)).map(({ status }) => status).sort()).toEqual([204, 409]);
    const removals = await Promise.all([box.remove(), box.remove(), other.remove()]);
    expect(removals.filter(({ status }) => status === 204)).toHaveLength(2);
    for (const { status } of removals) expect([204, 404, 409]).toContain(status);
  });

  it('the end of an auto-remove container and everything else', async () => {
    const box = await Box.run(suite.daemon, ['sleep', '0.1'], { HostConfig: { AutoRemove: true } });
    const gone = box.post('wait?condition=removed');
    const verbs = ['stop?t=5', 'kill', 'pause', 'unpause', 'restart?t=5', `rename?name=${box.name}-x`];
    const replies = await Promise.all([...verbs.map((verb) => box.post(verb)), box.remove()]);
    for (const { status, text } of replies) {
      // The last three are dockerd's, of a container that went while it was asked.
      const isFair = /is not paused|container not paused|cannot pause a stopped container|marked for removal/;
      expect([204, 304, 404, 409].includes(status) || isFair.test(text), text).toBe(true);
    }
    await poll('its removal', async () => (await box.post('kill?signal=CONT')).status === 404);
    expect([0, 137, 143]).toContain((await gone).json.StatusCode);
  });

  // dockerd says 404 then.
  it.skipIf(process.env['WHARF_TEST_TARGET'] !== undefined)(
    'the end of an auto-remove container and a wait that comes too late',
    async () => {
      const box = await Box.run(suite.daemon, ['sh', '-c', 'exit 9'], { HostConfig: { AutoRemove: true } });
      expect(await box.post('wait')).toMatchObject({ status: 200, json: { StatusCode: 9 } });
      await poll('its removal', async () => (await suite.daemon.api.get(`/containers/${box.id}/json`)).status === 404);
      expect(await box.post('wait?condition=removed')).toMatchObject({ status: 200, json: { StatusCode: 9 } });
      expect((await box.post('wait?condition=next-exit')).status).toBe(404);
      const removed = await Box.create(suite.daemon, ['true']);
      await removed.remove();
      expect((await removed.post('wait')).status).toBe(404);
    },
  );
});

describe('what is done the moment that a wait is answered', () => {
  const host = { NetworkMode: 'at-once', PortBindings: { '80/tcp': [{ HostPort: '8099' }] }, Binds: ['at-once:/v'] };
  const config = { ExposedPorts: { '80/tcp': {} }, HostConfig: host };
  const clear = async (): Promise<number[]> => {
    const { api } = suite.daemon;
    return [(await api.delete('/networks/at-once')).status, (await api.delete('/volumes/at-once')).status];
  };

  it.each(rounds.slice(0, 4))('copy, commit, start and remove a container that stays, round %i', async () => {
    const { api } = suite.daemon;
    expect((await api.post('/networks/create', { Name: 'at-once' })).status).toBe(201);
    const box = await Box.run(suite.daemon, ['sh', '-c', 'echo written > /file'], config);
    expect((await box.post('wait')).status).toBe(200);
    const copied = await api.get(`/containers/${box.id}/archive?path=/file`);
    expect([copied.status, copied.text.includes('written')]).toEqual([200, true]);
    const next = box.post('wait?condition=next-exit');
    await box.ok('start');
    expect((await next).json.StatusCode).toBe(0);
    await box.ok('start');
    expect((await box.post('wait')).status).toBe(200);
    expect((await box.remove('')).status).toBe(204);
    expect(await clear()).toEqual([204, 204]);
  });

  it.each(rounds.slice(0, 4))('its ports, network and volume, of one that removes itself, round %i', async () => {
    expect((await suite.daemon.api.post('/networks/create', { Name: 'at-once' })).status).toBe(201);
    for (let run = 0; run < 3; run++) {
      const box = await Box.create(suite.daemon, ['true'], { ...config, HostConfig: { ...host, AutoRemove: true } });
      const gone = box.post('wait?condition=removed');
      await box.ok('start');
      expect((await gone).json.StatusCode).toBe(0);
      expect((await box.post('start')).status).toBe(404);
    }
    expect(await clear()).toEqual([204, 204]);
  });

  it.each(rounds.slice(0, 4))(
    'the name of one that removes itself, which is in no list any more, round %i',
    async () => {
      const { api } = suite.daemon;
      const create = { Image: 'busybox', Cmd: ['true'], HostConfig: { NetworkMode: 'none', AutoRemove: true } };
      for (let run = 0; run < 5; run++) {
        const created = await api.post('/containers/create?name=again', create);
        expect(created.status, created.text).toBe(201);
        const { Id } = created.json;
        const gone = api.post(`/containers/${Id}/wait?condition=removed`);
        expect((await api.post(`/containers/${Id}/start`)).status).toBe(204);
        expect((await gone).json.StatusCode).toBe(0);
        const all = await api.get('/containers/json?all=1');
        expect(all.json.map((row: { Id: string }) => row.Id)).not.toContain(Id);
      }
    },
  );
});
