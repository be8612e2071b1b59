import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ComposeProject, hasCompose, type ComposeProgram } from '../support/compose-project.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();

/** `seed` ends, `store` serves once that is done, `app` starts once that is healthy. Nothing here sees another by luck: marks lie in a volume. */
const FILE = `
services:
  seed:
    image: busybox
    command: ["sh", "-c", "echo seeded > /data/index"]
    volumes: [data:/data]
    networks: [back]
  store:
    image: busybox
    command: ["sh", "-c", "trap 'exit 0' TERM; echo store has $$(cat /data/index); httpd -p 80 -h /data; while :; do sleep 0.1; done"]
    depends_on:
      seed: { condition: service_completed_successfully }
    volumes: [data:/data]
    healthcheck:
      test: ["CMD-SHELL", "wget -q -O - http://127.0.0.1/index && touch /data/healthy"]
      interval: 1s
      timeout: 20s
      retries: 60
    ports: ["127.0.0.1:0:80"]
    networks: [back]
  app:
    image: busybox
    command: ["sh", "-c", "trap 'exit 0' TERM; ls /data | grep -x healthy && echo app is $$PAINT; while :; do sleep 0.1; done"]
    depends_on:
      store: { condition: service_healthy }
    environment: { PAINT: "\${PAINT:-green}" }
    volumes: [data:/data, /keep]
    networks: [back, front]
    stop_grace_period: 5s
  job:
    image: busybox
    command: ["sh", "-c", "echo working; exit 7"]
    profiles: [jobs]
    networks: [front]
networks:
  back: {}
  front: {}
volumes:
  data: {}
`;

const PROGRAMS: ComposeProgram[] = ['docker-compose 1', 'docker compose'];
const available = new Map(await Promise.all(PROGRAMS.map(async (one) => [one, await hasCompose(one)] as const)));

describe.each(PROGRAMS.filter((one) => available.get(one)))('%s', (program) => {
  const isNew = program === 'docker compose';
  let project: ComposeProject;
  beforeAll(() => void (project = new ComposeProject(suite.daemon, program, isNew ? 'new' : 'old', FILE)));

  const inspect = async (ref: string): Promise<any> => (await suite.daemon.api.get(`/containers/${ref}/json`)).json;
  const idOf = async (service: string): Promise<string> => (await inspect(project.containerName(service))).Id;
  const running = async (service: string): Promise<number> => {
    const filters = JSON.stringify({
      label: [`com.docker.compose.project=${project.name}`, `com.docker.compose.service=${service}`],
    });
    return (await suite.daemon.api.get(`/containers/json?filters=${encodeURIComponent(filters)}`)).json.length;
  };

  it('brings the services up in the order of their conditions', async () => {
    await project.ok(['up', '-d']);
    expect((await inspect(project.containerName('seed'))).State).toMatchObject({ Status: 'exited', ExitCode: 0 });
    expect((await inspect(project.containerName('store'))).State.Health.Status).toBe('healthy');
    await poll('the app to say what it saw', async () => (await project.ok(['logs', 'app'])).includes('app is green'));
    const logs = await project.ok(['logs', '--no-color']);
    expect(logs).toMatch(/store[_-]1 +\| store has seeded/);
    expect(logs).toMatch(/app[_-]1 +\| healthy/);
    const shown = await project.ok(['ps', '-a']);
    expect(shown).toMatch(/store.*\(healthy\)/);
    expect(shown).toMatch(isNew ? /seed.*Exited \(0\)/ : /seed.*Exit 0/);
  });

  it('finds everything up to date the second time', async () => {
    const before = await Promise.all(['store', 'app'].map(idOf));
    await project.ok(['up', '-d']);
    expect(await Promise.all(['store', 'app'].map(idOf))).toEqual(before);
  });

  it('publishes a port that it can tell', async () => {
    const address = await project.ok(['port', 'store', '80']);
    expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
    const page = await suite.daemon.holder.run(['busybox', 'wget', '-q', '-O', '-', `http://${address}/index`]);
    expect(page.stdout).toBe('seeded\n');
  });

  it('lets services find each other by their names, on the networks that they share', async () => {
    const store = Object.values<any>((await inspect(project.containerName('store'))).NetworkSettings.Networks)[0];
    for (const name of ['store', project.containerName('store')]) {
      const found = await project.run(['exec', '-T', 'app', 'nslookup', `${name}.`]);
      expect(found.stdout + found.stderr).toContain(store.IPAddress);
    }
  });

  // 1.x calls the docker CLI unless it is told to attach by itself, which is another way through the API.
  it.each(isNew ? [''] : ['', '1'])('executes in a service (COMPOSE_INTERACTIVE_NO_CLI=%j)', async (noCli) => {
    const env = { COMPOSE_INTERACTIVE_NO_CLI: noCli };
    const result = await project.run(['exec', '-T', 'app', 'sh', '-c', 'echo $PAINT; echo no >&2; exit 3'], { env });
    // By itself, 1.x writes both streams to its stdout.
    if (noCli === '') expect(result.stdout).toBe('green\n');
    expect((result.stdout + result.stderr).split('\n')).toEqual(expect.arrayContaining(['green', 'no']));
    expect(result.code).toBe(3);
  });

  it('feeds stdin to what it executes', async () => {
    expect(await project.ok(['exec', '-T', 'app', 'cat'], { input: 'typed\n' })).toBe('typed');
  });

  it('runs one-off containers and removes them', async () => {
    expect(await project.ok(['run', '--rm', '-T', '-e', 'PAINT=red', 'app', 'sh', '-c', 'echo is $PAINT'])).toContain(
      'is red',
    );
    expect((await project.run(['run', '--rm', '-T', '--no-deps', 'app', 'sh', '-c', 'exit 5'])).code).toBe(5);
    expect(await running('app')).toBe(1);
  });

  it('scales up and down', async () => {
    await project.ok(['up', '-d', '--scale', 'app=3']);
    expect(await running('app')).toBe(3);
    const addresses = await Promise.all(
      [1, 2, 3].map(async (index) =>
        Object.values<any>((await inspect(project.containerName('app', index))).NetworkSettings.Networks).map(
          (one) => one.IPAddress,
        ),
      ),
    );
    expect(new Set(addresses.flat()).size).toBe(6);
    const found = await project.run(['exec', '-T', 'store', 'nslookup', 'app.']);
    expect(addresses.filter((pair) => pair.some((one) => found.stdout.includes(one)))).toHaveLength(3);
    await project.ok(['up', '-d', '--scale', 'app=1']);
    expect(await running('app')).toBe(1);
  });

  it('copies into a service and out of it', async () => {
    writeFileSync(join(project.dir, 'in'), 'copied\n');
    // 1.x has no cp of its own: its users take the CLI's.
    const copy = (from: string, to: string): Promise<string> =>
      isNew
        ? project.ok([
            'cp',
            from.replace(project.containerName('app'), 'app'),
            to.replace(project.containerName('app'), 'app'),
          ])
        : suite.daemon.ok('cp', from, to);
    await copy(join(project.dir, 'in'), `${project.containerName('app')}:/keep/in`);
    await copy(`${project.containerName('app')}:/keep/in`, join(project.dir, 'out'));
    expect(readFileSync(join(project.dir, 'out'), 'utf8')).toBe('copied\n');
  });

  it('recreates only what changed, with its anonymous volumes', async () => {
    const [store, app] = await Promise.all(['store', 'app'].map(idOf));
    const volume = (await inspect(app!)).Mounts.find((mount: any) => mount.Destination === '/keep').Name;
    await project.ok(['up', '-d'], { env: { PAINT: 'blue' } });
    expect(await idOf('store')).toBe(store);
    const recreated = await inspect(project.containerName('app'));
    expect(recreated.Id).not.toBe(app);
    expect(recreated.Mounts.find((mount: any) => mount.Destination === '/keep').Name).toBe(volume);
    expect(await project.ok(['exec', '-T', 'app', 'sh', '-c', 'echo $PAINT; cat /keep/in'])).toBe('blue\ncopied');
  });

  it('follows logs and tells events while services stop, start, pause and die', async () => {
    const logs = project.spawn(['logs', '-f', '--no-color']);
    const events = project.spawn(['events', '--json']);
    try {
      await poll('the logs to begin', () => logs.text().includes('app is blue'), { timeoutMs: 40_000 });
      await poll(
        'events to arrive',
        async () => {
          await project.ok(['exec', '-T', 'app', 'true']);
          return events.text().includes('exec_');
        },
        { timeoutMs: 40_000 },
      );
      await project.ok(['pause', 'app']);
      expect((await inspect(project.containerName('app'))).State.Paused).toBe(true);
      await project.ok(['unpause', 'app']);
      await project.ok(['restart', 'app']);
      await project.ok(['stop', 'app']);
      expect((await inspect(project.containerName('app'))).State).toMatchObject({ Status: 'exited', ExitCode: 0 });
      await project.ok(['start', 'app']);
      await project.ok(['kill', 'app']);
      expect((await inspect(project.containerName('app'))).State).toMatchObject({ Status: 'exited', ExitCode: 137 });
      const wanted = ['pause', 'unpause', 'restart', 'stop', 'start', 'kill', 'die'];
      await poll(`all of ${wanted.join()} in\n${events.text()}`, () =>
        wanted.every(
          (action) => events.text().includes(`"action": "${action}"`) || events.text().includes(`"action":"${action}"`),
        ),
      );
      // 1.x attaches again after it was told of a start, and so may miss a first line.
      const starts = isNew ? 3 : 1;
      await poll(
        `the logs of each start in\n${logs.text()}`,
        () => logs.text().match(/app is blue/g)!.length >= starts,
        { timeoutMs: 40_000 },
      );
      expect(logs.text()).not.toContain('Traceback');
      expect(events.text()).not.toContain('Traceback');
    } finally {
      await Promise.all(
        [logs, events].map(async (child) => {
          if (child.exitCode !== null || child.signalCode !== null) return;
          const gone = once(child, 'exit');
          child.kill('SIGKILL');
          await gone;
        }),
      );
    }
  });

  it('shows processes, images and the parsed file', async () => {
    expect(await project.ok(['top', 'store'])).toContain('httpd -p 80 -h /data');
    expect(await project.ok(['images'])).toMatch(/busybox +latest/);
    expect(await project.ok(['config', '--services'])).toContain('store');
  });

  it('ends with the code of the service that was asked for', async () => {
    const result = await project.run([
      '--profile',
      'jobs',
      'up',
      '--no-color',
      '--no-deps',
      '--exit-code-from',
      'job',
      'job',
    ]);
    expect(result.stdout + result.stderr).toMatch(/job[_-]1 +\| working/);
    expect(result.code).toBe(7);
  });

  it('takes everything away', async () => {
    await project.ok(['rm', '-f', '-s', 'app']);
    await project.ok(['--profile', 'jobs', 'down', '-v', '--remove-orphans']);
    const { api } = suite.daemon;
    const filter = encodeURIComponent(JSON.stringify({ label: [`com.docker.compose.project=${project.name}`] }));
    expect((await api.get(`/containers/json?all=1&filters=${filter}`)).json).toEqual([]);
    expect((await api.get(`/networks?filters=${filter}`)).json).toEqual([]);
    expect((await api.get(`/volumes?filters=${filter}`)).json.Volumes ?? []).toEqual([]);
  });
});
