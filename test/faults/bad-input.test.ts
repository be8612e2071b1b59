import { describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';

const suite = daemonSuite();

/** Method, path, body, expected status, expected part of the message. Checked against dockerd 28.5 with WHARF_TEST_TARGET. */
type Case = [method: string, path: string, body: unknown, status: number, message: string | RegExp];

const create = (hostConfig: object, config: object = {}): object => ({
  Image: 'busybox',
  Cmd: ['true'],
  ...config,
  HostConfig: hostConfig,
});

const cases: Case[] = [
  ['GET', '/nope', undefined, 404, 'page not found'],
  ['PATCH', '/containers/json', undefined, 404, 'page not found'],
  [
    'GET',
    '/v1.99/version',
    undefined,
    400,
    /client version 1\.99 is too new\. Maximum supported API version is 1\.\d+/,
  ],
  ['POST', '/containers/create', { Image: 'nosuch:1' }, 404, 'No such image: nosuch:1'],
  [
    'POST',
    '/containers/create?name=bad/name',
    create({}),
    400,
    'Invalid container name (bad/name), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed',
  ],
  ['POST', '/containers/create', { Image: 'busybox:UPPER:x', Cmd: ['x'] }, 400, 'invalid reference format'],
  ['POST', '/containers/create', create({ Memory: 1000 }), 400, 'Minimum memory limit allowed is 6MB'],
  [
    'POST',
    '/containers/create',
    create({ Memory: 10_000_000, MemorySwap: 9_000_000 }),
    400,
    'Minimum memoryswap limit should be larger than memory limit, see usage',
  ],
  [
    'POST',
    '/containers/create',
    create({ RestartPolicy: { Name: 'something' } }),
    400,
    "invalid restart policy: unknown policy 'something'",
  ],
  [
    'POST',
    '/containers/create',
    create({ RestartPolicy: { Name: 'always', MaximumRetryCount: 3 } }),
    400,
    "maximum retry count can only be used with 'on-failure'",
  ],
  [
    'POST',
    '/containers/create',
    create({ AutoRemove: true, RestartPolicy: { Name: 'always' } }),
    400,
    "can't create 'AutoRemove' container with restart policy",
  ],
  ['POST', '/containers/create', create({ IpcMode: 'nonsense' }), 400, 'invalid IPC mode: nonsense'],
  ['POST', '/containers/create', create({ PidMode: 'nonsense' }), 400, 'invalid PID mode: nonsense'],
  ['POST', '/containers/create', create({ CapAdd: ['NOPE'] }), 400, 'unknown capability: "CAP_NOPE"'],
  ['POST', '/containers/create', create({ PortBindings: { 'nonsense/tcp': [{}] } }), 400, /invalid|Invalid/],
  [
    'POST',
    '/containers/create',
    create({ PortBindings: { '80/tcp': [{ HostPort: '99999999' }] } }),
    400,
    /nvalid port/,
  ],
  ['POST', '/containers/create', create({ Binds: ['/a:relative'] }), 400, 'invalid volume specification'],
  ['POST', '/containers/create', create({ Binds: ['/a:/b:nonsense'] }), 400, 'invalid mode: nonsense'],
  [
    'POST',
    '/containers/create',
    create({ Mounts: [{ Type: 'nonsense', Target: '/x' }] }),
    400,
    'invalid mount config for type "nonsense": mount type unknown',
  ],
  [
    'POST',
    '/containers/create',
    create({ Mounts: [{ Type: 'bind', Source: '/definitely/not/there', Target: '/x' }] }),
    400,
    'bind source path does not exist: /definitely/not/there',
  ],
  [
    'POST',
    '/containers/create',
    create({ OomScoreAdj: 5000 }),
    400,
    'Invalid value 5000, range for oom score adj is [-1000, 1000]',
  ],
  ['POST', '/containers/create', create({ LogConfig: { Type: 'nonsense' } }), 400, /nonsense/],
  ['POST', '/containers/create', create({ Runtime: 'nonsense' }), 400, 'unknown or invalid runtime name: nonsense'],
  ['POST', '/containers/create', create({}, { Env: ['=x'] }), 400, 'invalid environment variable: =x'],
  [
    'POST',
    '/containers/create',
    create({}, { WorkingDir: 'relative' }),
    400,
    "the working directory 'relative' is invalid, it needs to be an absolute path",
  ],
  [
    'POST',
    '/containers/create',
    create({}, { Healthcheck: { Interval: 1 } }),
    400,
    'Interval in Healthcheck cannot be less than 1ms',
  ],
  ['POST', '/containers/create', create({}, { StopSignal: 'NOPE' }), 400, 'invalid signal: NOPE'],
  ['POST', '/containers/create', { ...create({}), Image: 5 }, 400, /cannot unmarshal number|Image/],
  ['POST', '/containers/nosuch/start', undefined, 404, 'No such container: nosuch'],
  ['POST', '/containers/nosuch/exec', { Cmd: ['x'] }, 404, 'No such container: nosuch'],
  ['GET', '/containers/json?filters={"nope":["x"]}', undefined, 400, "invalid filter 'nope'"],
  ['GET', '/containers/json?filters=nonsense', undefined, 400, /invalid/],
  ['GET', '/containers/json?filters={"status":["nope"]}', undefined, 400, "invalid filter 'status=nope'"],
  ['GET', '/exec/nosuch/json', undefined, 404, 'No such exec instance: nosuch'],
  ['GET', '/images/nosuch:1/json', undefined, 404, 'No such image: nosuch:1'],
  ['DELETE', '/images/nosuch:1', undefined, 404, 'No such image: nosuch:1'],
  ['GET', '/volumes/nosuch', undefined, 404, 'get nosuch: no such volume'],
  ['POST', '/volumes/create', { Name: 'x' }, 400, 'volume name is too short'],
  ['POST', '/volumes/create', { Name: 'bad/name' }, 400, 'includes invalid characters for a local volume name'],
  ['GET', '/networks/nosuch', undefined, 404, 'network nosuch not found'],
  ['DELETE', '/networks/bridge', undefined, 403, 'bridge is a pre-defined network and cannot be removed'],
  ['GET', '/events?since=nonsense', undefined, 400, /./],
  ['GET', '/swarm', undefined, 503, 'This node is not a swarm manager'],
];

/** dockerd answers 500 to some of these, though the client is at fault; we say 400. */
const statusOf = (status: number): number => (suite.daemon.reference && status === 500 ? 400 : status);

describe('bad input', () => {
  it.each(cases)('%s %s %j is %i', async (method, path, body, status, message) => {
    const reply = await suite.daemon.api.call(method, path, body);
    expect([statusOf(reply.status), reply.json?.message]).toEqual([
      status,
      typeof message === 'string' ? expect.stringContaining(message) : expect.stringMatching(message),
    ]);
    expect(reply.headers['content-type']).toContain('application/json');
  });

  it.each([
    [
      '{invalid json',
      'application/json',
      "invalid JSON: invalid character 'i' looking for beginning of object key string",
    ],
    ['{} trailing', 'application/json', 'unexpected content after JSON'],
    ['{"Image":"busybox"}', 'text/plain', "unsupported Content-Type header (text/plain): must be 'application/json'"],
  ])('the body %s as %s', async (body, type, message) => {
    const reply = await suite.daemon.api.call('POST', '/containers/create', body, { 'Content-Type': type });
    expect([reply.status, reply.json.message]).toEqual([400, message]);
  });

  it.each([
    '/containers/create',
    '/containers/nosuch/exec',
    '/volumes/create',
    '/networks/create',
    '/exec/nosuch/start',
  ])('an empty body for %s never is our fault', async (path) => {
    const reply = await suite.daemon.api.call('POST', path);
    expect(reply.status).toBeLessThan(500);
    if (path === '/volumes/create') await suite.daemon.api.delete(`/volumes/${reply.json.Name}`);
  });

  it('left nothing behind', async () => {
    if (suite.daemon.reference) return;
    expect((await suite.daemon.api.get('/containers/json?all=1')).json).toEqual([]);
    expect((await suite.daemon.api.get('/volumes')).json.Volumes).toEqual([]);
  });

  it('a body without an end is cut off', async () => {
    const huge = Buffer.alloc(64 * 1024 * 1024, ' ');
    const outcome = await suite.daemon.api
      .call('POST', '/containers/create', Buffer.concat([Buffer.from('{"Image":"'), huge]), {
        'Content-Type': 'application/json',
      })
      .then(
        (reply) => reply.status,
        () => 'cut',
      );
    expect(outcome === 'cut' || (outcome as number) >= 400).toBe(true);
    expect((await suite.daemon.api.get('/_ping')).status).toBe(200);
  });
});
