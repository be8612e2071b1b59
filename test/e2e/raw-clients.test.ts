import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { run } from '../support/command.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

/** The calls, in order and shape, that tools outside of this repository make. Source: their public sources and request logs. */
const suite = daemonSuite();

const IDLE = ['sh', '-c', "trap 'exit 0' TERM; while :; do sleep 0.1; done"];
const query = (filters: object): string => encodeURIComponent(JSON.stringify(filters));

/** What a call answers, and that it answered with this status. */
async function call(status: number, method: string, path: string, body?: unknown): Promise<any> {
  const reply = await suite.daemon.api.call(method, path, body);
  expect([method, path, reply.status, reply.status === status ? '' : reply.text]).toEqual([method, path, status, '']);
  return reply.json;
}

/** The objects of a stream as they come; `end` leaves it. */
async function follow(path: string): Promise<{ seen: any[]; end: () => void }> {
  const reply: IncomingMessage = await suite.daemon.api.open('GET', path, undefined, {}, 100_000);
  expect(reply.statusCode).toBe(200);
  const seen: any[] = [];
  let partial = '';
  reply.on('data', (chunk: Buffer) => {
    const lines = (partial + chunk.toString()).split('\n');
    partial = lines.pop()!;
    seen.push(...lines.filter(Boolean).map((line) => JSON.parse(line)));
  });
  reply.on('error', () => undefined);
  return { seen, end: () => void reply.destroy() };
}

/** The payloads of Docker's frames. */
function unframe(bytes: Buffer): string {
  let text = '';
  for (let at = 0; at + 8 <= bytes.length;) {
    const length = bytes.readUInt32BE(at + 4);
    text += bytes.subarray(at + 8, at + 8 + length).toString();
    at += 8 + length;
  }
  return text;
}

it('Portainer: looks around, opens a console, and recreates a container', async () => {
  await call(200, 'GET', '/_ping');
  const { ID } = await call(200, 'GET', '/info');
  expect(ID).toBeTruthy();
  await call(200, 'GET', '/version');
  await call(200, 'GET', '/images/json?all=0');
  await call(200, 'GET', '/networks');
  await call(200, 'GET', `/volumes?filters=${query({ dangling: ['true'] })}`);
  expect((await call(503, 'GET', '/swarm')).message).toContain('This node is not a swarm manager');
  await call(503, 'GET', '/services');
  const network = await call(201, 'POST', '/networks/create', {
    Name: 'portainer',
    Driver: 'bridge',
    CheckDuplicate: true,
  });
  const created = await call(201, 'POST', '/containers/create?name=web', {
    Image: 'busybox:latest',
    Cmd: IDLE,
    Env: ['A=1'],
    OpenStdin: false,
    Tty: false,
    ExposedPorts: {},
    Labels: {},
    Volumes: {},
    HostConfig: {
      RestartPolicy: { Name: 'unless-stopped' },
      PortBindings: {},
      PublishAllPorts: false,
      Binds: ['portainer_data:/data'],
      AutoRemove: false,
      NetworkMode: 'portainer',
      Privileged: false,
      ExtraHosts: [],
      Devices: [],
      CapAdd: [],
      CapDrop: [],
      Sysctls: {},
      Runtime: '',
      Memory: 0,
      NanoCpus: 0,
    },
    NetworkingConfig: { EndpointsConfig: { portainer: { IPAMConfig: { IPv4Address: '', IPv6Address: '' } } } },
    name: 'web',
  });
  await call(204, 'POST', `/containers/${created.Id}/start`, {});
  const [listed] = await call(200, 'GET', `/containers/json?all=1&filters=${query({ name: ['web'] })}`);
  expect(listed).toMatchObject({ Id: created.Id, Names: ['/web'], State: 'running', Image: 'busybox:latest' });
  expect((await call(200, 'GET', `/containers/${created.Id}/stats?stream=false`)).memory_stats.limit).toBeGreaterThan(
    0,
  );
  expect((await call(200, 'GET', `/containers/${created.Id}/top`)).Titles[0]).toBe('UID');
  const exec = await call(201, 'POST', `/containers/${created.Id}/exec`, {
    id: created.Id,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: true,
    User: '',
    Cmd: ['sh'],
  });
  const { socket, head } = await suite.daemon.api.upgrade(`/exec/${exec.Id}/start`, { Detach: false, Tty: true });
  let shown = head.toString();
  socket.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  await call(200, 'POST', `/exec/${exec.Id}/resize?h=33&w=101`);
  socket.write('stty size; exit\n');
  await once(socket, 'end');
  expect(shown).toContain('33 101');

  // Recreate: the old one makes room for a copy of what inspect tells, and goes when the copy runs.
  const old = await call(200, 'GET', `/containers/${created.Id}/json`);
  await call(204, 'POST', `/containers/${old.Id}/stop`);
  await call(204, 'POST', `/containers/${old.Id}/rename?name=web-old`);
  await call(200, 'POST', '/networks/portainer/disconnect', { Container: old.Id, Force: true });
  const copy = await call(201, 'POST', '/containers/create?name=web', {
    ...old.Config,
    HostConfig: old.HostConfig,
    NetworkingConfig: { EndpointsConfig: old.NetworkSettings.Networks },
  });
  await call(204, 'POST', `/containers/${copy.Id}/start`);
  await call(204, 'DELETE', `/containers/${old.Id}?v=0&force=true`);
  const renewed = await call(200, 'GET', '/containers/web/json');
  // Below 1.52 the copy has a MacAddress, as its endpoint was given one.
  expect({ ...renewed.Config, MacAddress: undefined }).toEqual({ ...old.Config, MacAddress: undefined });
  expect(renewed.HostConfig).toEqual(old.HostConfig);
  expect(renewed.NetworkSettings.Networks.portainer.NetworkID).toBe(network.Id);
  await call(204, 'DELETE', `/containers/${copy.Id}?v=1&force=true`);
  await call(204, 'DELETE', '/networks/portainer');
  await call(204, 'DELETE', '/volumes/portainer_data');
});

it('Traefik at 1.24: lists, inspects, and hears of health', async () => {
  const events = await follow(`/v1.24/events?filters=${query({ type: { container: true } })}`);
  await call(200, 'GET', '/v1.24/version');
  await call(201, 'POST', '/networks/create', { Name: 'proxy' });
  const { Id } = await call(201, 'POST', '/containers/create?name=whoami', {
    Image: 'busybox',
    Cmd: IDLE,
    Labels: { 'traefik.enable': 'true' },
    Healthcheck: { Test: ['CMD', 'true'], Interval: 1e9, Timeout: 20e9 },
    HostConfig: { NetworkMode: 'proxy' },
  });
  await call(204, 'POST', `/containers/${Id}/start`);
  await poll(
    'the container to be healthy',
    () => events.seen.some(({ Action }) => Action === 'health_status: healthy'),
    {
      timeoutMs: 40_000,
    },
  );
  const listed = (await call(200, 'GET', '/v1.24/containers/json?limit=0')).find((one: any) => one.Id === Id);
  expect(listed.Labels['traefik.enable']).toBe('true');
  const inspected = await call(200, 'GET', `/v1.24/containers/${Id}/json`);
  expect(inspected.State.Health.Status).toBe('healthy');
  expect(inspected.NetworkSettings.Networks.proxy.IPAddress).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
  expect(inspected.NetworkSettings.Ports).toEqual({});
  await call(204, 'DELETE', `/containers/${Id}?force=1`);
  await poll('its end', () => events.seen.some(({ status }) => status === 'destroy'));
  const kept = events.seen.map(({ status }) => status).filter((status: string) => !status.startsWith('exec_'));
  // Older clients read status, id and from; each event has them.
  expect(kept).toEqual(['create', 'start', 'health_status: healthy', 'kill', 'die', 'destroy']);
  expect(events.seen.every(({ id, from }) => id === Id && from === 'busybox')).toBe(true);
  events.end();
  await call(204, 'DELETE', '/networks/proxy');
});

it('Watchtower at 1.25: replaces a container by one of a newer image', async () => {
  const { daemon } = suite;
  await daemon.ok('tag', 'busybox:latest', 'watched:latest');
  await daemon.ok(
    'run',
    '-d',
    '--name',
    'watched',
    '-v',
    '/keep',
    '-l',
    'com.centurylinklabs.watchtower.enable=true',
    '--ulimit',
    'nofile=200:300',
    '--hostname',
    'w',
    'watched',
    ...IDLE,
  );
  const filters = { label: { 'com.centurylinklabs.watchtower.enable=true': true }, status: { running: true } };
  const [listed] = await call(200, 'GET', `/v1.25/containers/json?filters=${query(filters)}&limit=0`);
  const old = await call(200, 'GET', `/v1.25/containers/${listed.Id}/json`);
  const image = await call(200, 'GET', `/v1.25/images/${old.Image}/json`);
  // A newer image takes the tag.
  await daemon.ok('commit', '-c', 'LABEL newer=1', 'watched', 'watched:latest');
  const newer = await call(200, 'GET', '/v1.25/images/watched:latest/json');
  expect(newer.Id).not.toBe(image.Id);
  await call(204, 'POST', `/v1.25/containers/${old.Id}/kill?signal=SIGTERM`);
  await poll('it to stop', async () => !(await call(200, 'GET', `/v1.25/containers/${old.Id}/json`)).State.Running);
  await call(204, 'DELETE', `/v1.25/containers/${old.Id}?force=1&v=0`);
  await poll('it to be gone', async () => (await daemon.api.get(`/v1.25/containers/${old.Id}/json`)).status === 404);
  const config = { ...old.Config, Image: 'watched:latest' };
  const { Id } = await call(201, 'POST', '/v1.25/containers/create?name=watched', {
    ...config,
    HostConfig: old.HostConfig,
    NetworkingConfig: { EndpointsConfig: old.NetworkSettings.Networks },
  });
  await call(204, 'POST', `/v1.25/containers/${Id}/start`);
  const renewed = await call(200, 'GET', '/v1.25/containers/watched/json');
  expect(renewed.Image).toBe(newer.Id);
  expect(renewed.Config.Labels['com.centurylinklabs.watchtower.enable']).toBe('true');
  expect(renewed.Config.Hostname).toBe('w');
  expect(renewed.HostConfig.Ulimits).toEqual([{ Name: 'nofile', Hard: 300, Soft: 200 }]);
  await call(204, 'DELETE', `/v1.25/containers/${Id}?force=1&v=1`);
  await call(200, 'DELETE', '/v1.25/images/watched:latest?force=1');
});

const sortedLines = (text: string): string[] => text.split('\n').sort();

describe('GitLab runner', () => {
  it('feeds a script to a build container beside its service, with volumes and a network of the build', async () => {
    const network = await call(201, 'POST', '/v1.44/networks/create', {
      Name: 'runner-net-1',
      Labels: { runner: '1' },
      EnableIPv6: false,
    });
    await call(201, 'POST', '/v1.44/volumes/create', { Name: 'runner-cache' });
    const service = await call(201, 'POST', '/v1.44/containers/create?name=runner-svc', {
      Image: 'busybox',
      Cmd: ['sh', '-c', "trap 'exit 0' TERM; echo hi > /tmp/f; httpd -p 80 -h /tmp; while :; do sleep 0.1; done"],
      HostConfig: { NetworkMode: network.Id, Binds: ['runner-cache:/cache'] },
      NetworkingConfig: { EndpointsConfig: { 'runner-net-1': { Aliases: ['svc'] } } },
    });
    await call(204, 'POST', `/v1.44/containers/${service.Id}/start`);
    const { IPAddress } = (await call(200, 'GET', `/v1.44/containers/${service.Id}/json`)).NetworkSettings.Networks[
      'runner-net-1'
    ];
    const build = await call(201, 'POST', '/v1.44/containers/create?name=runner-build', {
      Image: 'busybox',
      Cmd: ['sh'],
      Labels: { runner: '1' },
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      OpenStdin: true,
      StdinOnce: true,
      HostConfig: { NetworkMode: network.Id, VolumesFrom: [service.Id], RestartPolicy: { Name: 'no' } },
    });
    for (const [script, code, output] of [
      [`echo from stdin; wget -q -O - http://${IPAddress}/f > /cache/got; ls /cache`, 0, 'from stdin\ngot\n'],
      ['cat /cache/got; echo bad >&2; exit 6', 6, 'hi\nbad\n'],
    ] as const) {
      // The same container is started again for each step of the job.
      const attached = await suite.daemon.api.upgrade(
        `/v1.44/containers/${build.Id}/attach?stream=1&stdin=1&stdout=1&stderr=1`,
      );
      const chunks = [attached.head];
      attached.socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      const ended = once(attached.socket, 'end');
      const waiting = suite.daemon.api.call('POST', `/v1.44/containers/${build.Id}/wait?condition=next-exit`);
      await call(204, 'POST', `/v1.44/containers/${build.Id}/start`);
      attached.socket.end(script);
      expect((await waiting).json).toEqual({ StatusCode: code });
      await ended;
      // Two streams have no order between them.
      expect(sortedLines(unframe(Buffer.concat(chunks)))).toEqual(sortedLines(output));
    }
    await call(204, 'POST', `/v1.44/containers/${service.Id}/stop?t=5`);
    await Promise.all([build, service].map(({ Id }) => call(204, 'DELETE', `/v1.44/containers/${Id}?v=1&force=1`)));
    await call(204, 'DELETE', `/v1.44/networks/${network.Id}`);
    await call(204, 'DELETE', '/v1.44/volumes/runner-cache?force=1');
  });

  it('cancels a job while its script runs', async () => {
    const build = await call(201, 'POST', '/v1.44/containers/create', {
      Image: 'busybox',
      Cmd: ['sh'],
      OpenStdin: true,
      StdinOnce: true,
      AttachStdin: true,
      AttachStdout: true,
    });
    const attached = await suite.daemon.api.upgrade(`/v1.44/containers/${build.Id}/attach?stream=1&stdin=1&stdout=1`);
    const ended = once(attached.socket, 'close');
    attached.socket.resume();
    await call(204, 'POST', `/v1.44/containers/${build.Id}/start`);
    const waiting = suite.daemon.api.call('POST', `/v1.44/containers/${build.Id}/wait`);
    attached.socket.write('sleep 1000\n');
    await poll('the script to run', async () =>
      (await call(200, 'GET', `/v1.44/containers/${build.Id}/top`)).Processes.some(
        (row: string[]) => row.at(-1) === 'sleep 1000',
      ),
    );
    await call(204, 'POST', `/v1.44/containers/${build.Id}/kill?signal=SIGKILL`);
    expect((await waiting).json).toEqual({ StatusCode: 137 });
    await ended;
    expect((await call(409, 'POST', `/v1.44/containers/${build.Id}/kill?signal=SIGKILL`)).message).toContain(
      'is not running',
    );
    await call(204, 'DELETE', `/v1.44/containers/${build.Id}?v=1&force=1`);
    expect((await call(404, 'GET', `/v1.44/containers/${build.Id}/json`)).message).toContain('No such container');
  });
});

it('VS Code Dev Containers: drives the CLI', async () => {
  const { daemon } = suite;
  const label = 'devcontainer.local_folder=/home/me/project';
  const events = await follow(`/events?filters=${query({ event: ['start'], type: ['container'] })}`);
  const started = daemon.docker([
    ...[
      'run',
      '--sig-proxy=false',
      '-a',
      'STDOUT',
      '-a',
      'STDERR',
      '--mount',
      `type=bind,source=/tmp,target=/workspaces/project`,
    ],
    ...[
      '-l',
      label,
      '-l',
      'devcontainer.metadata=[{"id":"x"}]',
      '--cap-add=SYS_PTRACE',
      '--security-opt',
      'seccomp=unconfined',
    ],
    ...[
      '--entrypoint',
      '/bin/sh',
      'busybox',
      '-c',
      'echo Container started\ntrap "exit 0" 15\n\nexec "$@"\nwhile sleep 1 & wait $!; do :; done',
      '-',
    ],
  ]);
  await poll('the event of the start', () => events.seen.length === 1);
  events.end();
  const id = await daemon.ok('ps', '-q', '-a', '--filter', `label=${label}`);
  expect(events.seen[0].Actor.ID.startsWith(id)).toBe(true);
  const [details] = JSON.parse(await daemon.ok('inspect', '--type', 'container', id));
  expect(details.Mounts).toMatchObject([{ Type: 'bind', Destination: '/workspaces/project', RW: true }]);
  // One shell per user gets all commands on its stdin; marks on stdout tell where each ends.
  const shell = await daemon.docker(
    ['exec', '-i', '-u', 'root', '-w', '/workspaces/project', '-e', 'VSCODE=1', id, '/bin/sh'],
    {
      input: 'echo -n ␄; (uname -s; pwd; echo $VSCODE); echo -n ␄$?␄; echo why >&2; exit 0\n',
    },
  );
  expect(shell).toMatchObject({ code: 0, stdout: '␄Linux\n/workspaces/project\n1\n␄0␄', stderr: 'why\n' });
  const terminal = await run('script', ['-qec', `docker exec -it ${id} sh -c 'tty; exit 5'`, '/dev/null'], {
    env: daemon.environment,
  });
  expect(terminal.stdout).toContain('/dev/pts/');
  expect(terminal.code).toBe(5);
  await daemon.ok('stop', '-t', '20', id);
  expect(await started).toMatchObject({ code: 0, stdout: 'Container started\n' });
  expect(await daemon.ok('start', id)).toBe(id);
  await daemon.ok('rm', '-f', '-v', id);
});
