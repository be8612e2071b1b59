import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiReply } from '../support/api-client.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { LocalRegistry } from '../support/local-registry.js';
import { poll } from '../support/poll.js';
import { hasOpenApi, OpenApi, OPENAPI_VERSIONS, type OpenApiVersion } from './openapi.js';

const suite = daemonSuite();
const api = () => suite.daemon.api;

const isThere = hasOpenApi();
/** dockerd 28.5 serves up to 1.51. */
const versions = OPENAPI_VERSIONS.filter((version) => !process.env.WHARF_TEST_TARGET || version <= '1.51');

/** Where dockerd's own replies are not as the file says, and ours follow dockerd. Matched against `operation: complaint`. */
const DEVIATIONS: { pattern: RegExp; why: string }[] = [
  { pattern: /HostConfig\/(MemorySwappiness|PidsLimit) must be integer/, why: 'null where none was given' },
  { pattern: /\/ExecIDs must be string/, why: 'null where there are none; the files of 1.25 call it a string' },
  { pattern: /RestartPolicy\/Name must be equal to one of/, why: "the file of 1.25 forgot 'no'" },
  { pattern: /PortBindings\/[^/ ]+ must be object/, why: 'the file of 1.25 knows one binding for each port only' },
  { pattern: /NetworkSettings\/Ports must be array/, why: 'it is a map, which the file of 1.25 forgot' },
  { pattern: /\/IPAM\/Options must be array/, why: 'it is a map; the file of 1.25 has a list' },
  { pattern: /GET \/system\/df: \/Containers\/\d+ must be array/, why: 'the file of 1.25 has a list of lists' },
  { pattern: /(start|stop): \/ must be object/, why: 'the file of 1.25 gives 304 a body, which HTTP does not have' },
];

/** What the calls work on; the same for all versions. */
const scene = { running: '', exited: '', created: '', network: '', exec: '', begin: '' };
let registry: LocalRegistry | undefined;
const names = { volume: `oa-${process.pid}`, network: `oa-${process.pid}`, image: `oa-${process.pid}` };

beforeAll(async () => {
  scene.begin = (Date.now() / 1000 - 0.001).toFixed(3);
  await made(api().post('/volumes/create', { Name: names.volume, Labels: { oa: 'yes' } }));
  scene.network = (await made(api().post('/networks/create', { Name: names.network, Labels: { oa: 'yes' } }))).json.Id;
  const create = async (Cmd: string[], HostConfig: object, config: object = {}): Promise<string> =>
    (await made(api().post('/containers/create', { Image: 'busybox', Cmd, ...config, HostConfig }))).json.Id;
  scene.running = await create(
    ['sh', '-c', 'echo out; touch /made; exec sleep 1000'],
    {
      NetworkMode: names.network,
      Binds: [`${names.volume}:/data`, '/tmp:/host:ro'],
      PortBindings: { '80/tcp': [{ HostPort: '0' }], '53/udp': [{ HostIp: '127.0.0.1', HostPort: '' }] },
      Memory: 64 << 20,
      Tmpfs: { '/scratch': 'size=1m' },
    },
    { ExposedPorts: { '80/tcp': {}, '53/udp': {}, '99/tcp': {} }, Labels: { oa: 'yes' }, Env: ['A=b'] },
  );
  scene.exited = await create(['sh', '-c', 'exit 3'], { NetworkMode: 'none' });
  scene.created = await create(['true'], {});
  for (const id of [scene.running, scene.exited]) await made(api().post(`/containers/${id}/start`), 204);
  await made(api().post(`/containers/${scene.exited}/wait`), 200);
  registry = await LocalRegistry.start(suite.daemon);
  const image = `${registry.address}/oa`;
  await made(api().post(`/images/busybox/tag?repo=${image}&tag=1`));
  await made(api().post(`/images/${image}/push?tag=1`), 200);
  await made(api().delete(`/images/${image}:1`), 200);
  const body = { Cmd: ['sh', '-c', 'exit 2'], AttachStdout: true };
  scene.exec = (await made(api().post(`/containers/${scene.running}/exec`, body))).json.Id;
  await made(api().post(`/exec/${scene.exec}/start`, { Detach: true }), 200);
  await poll('the exec to end', async () => (await api().get(`/exec/${scene.exec}/json`)).json.ExitCode === 2);
});

afterAll(async () => {
  for (const id of [scene.running, scene.exited, scene.created])
    if (id) await api().delete(`/containers/${id}?force=1&v=1`);
  await api().delete(`/volumes/${names.volume}`);
  if (scene.network) await api().delete(`/networks/${scene.network}`);
  await registry?.[Symbol.asyncDispose]();
});

async function made(pending: Promise<ApiReply>, status = 201): Promise<ApiReply> {
  const reply = await pending;
  if (reply.status !== status) throw new Error(`the scene can't be made: ${reply.status} ${reply.text}`);
  return reply;
}

interface Call {
  operation: string;
  path: () => string;
  body?: unknown;
  status: number;
  /** First version that has it; otherwise all do. */
  since?: string;
  /** What the body is, where it is not one JSON value. */
  as?: 'text' | 'lines';
  /** Takes away what the call made. */
  undo?: (reply: ApiReply) => Promise<unknown>;
}

function call(operation: string, path: (() => string) | string, more: Partial<Call> = {}): Call {
  return { operation, path: typeof path === 'string' ? () => path : path, status: 200, ...more };
}

const container = (of: 'running' | 'exited' | 'created', rest: string) => () => `/containers/${scene[of]}${rest}`;
const nothing = encodeURIComponent(JSON.stringify({ label: ['nothing-has-it'] }));
const removeContainer = ({ json }: ApiReply) => api().delete(`/containers/${json.Id}?force=1`);

const CALLS: Call[] = [
  call('GET /_ping', '/_ping', { as: 'text' }),
  call('GET /version', '/version'),
  call('GET /info', '/info'),
  call('GET /system/df', '/system/df'),
  call('GET /events', () => `/events?since=${scene.begin}&until=${(Date.now() / 1000 + 0.01).toFixed(3)}`, {
    as: 'lines',
  }),
  call('GET /containers/json', '/containers/json?all=1&size=1'),
  call('GET /containers/json', '/containers/json?filters=nonsense', { status: 400 }),
  ...(['running', 'exited', 'created'] as const).map((of) =>
    call('GET /containers/{id}/json', container(of, '/json?size=1')),
  ),
  call('GET /containers/{id}/json', '/containers/nosuch/json', { status: 404 }),
  call('GET /containers/{id}/top', container('running', '/top')),
  call('GET /containers/{id}/changes', container('running', '/changes')),
  call('GET /containers/{id}/changes', container('created', '/changes')),
  call('GET /containers/{id}/logs', container('running', '/logs?stdout=1&stderr=1'), { as: 'text' }),
  call('GET /containers/{id}/stats', container('running', '/stats?stream=false&one-shot=true')),
  call('GET /containers/{id}/stats', container('exited', '/stats?stream=false&one-shot=true')),
  call('GET /containers/{id}/export', container('created', '/export'), { as: 'text' }),
  call('GET /containers/{id}/archive', container('created', '/archive?path=/etc/passwd'), { as: 'text' }),
  call('HEAD /containers/{id}/archive', container('created', '/archive?path=/etc/passwd'), { as: 'text' }),
  call('GET /containers/{id}/attach/ws', '/containers/nosuch/attach/ws', { status: 404 }),
  call('GET /exec/{id}/json', () => `/exec/${scene.exec}/json`),
  call('GET /images/json', '/images/json?all=1'),
  call('GET /images/{name}/json', '/images/busybox/json'),
  call('GET /images/{name}/json', '/images/nosuch/json', { status: 404 }),
  call('GET /images/{name}/history', '/images/busybox/history'),
  call('GET /images/{name}/attestations', '/images/busybox/attestations', { since: '1.55' }),
  call('GET /images/{name}/get', '/images/busybox/get', { as: 'text' }),
  call('GET /images/get', '/images/get?names=busybox', { as: 'text' }),
  call('GET /distribution/{name}/json', () => `/distribution/${registry?.address}/oa:1/json`),
  call('GET /volumes', '/volumes'),
  call('GET /volumes/{name}', () => `/volumes/${names.volume}`),
  call('GET /networks', '/networks'),
  call('GET /networks/{id}', () => `/networks/${scene.network}`),
  call('GET /networks/{id}', '/networks/host'),
  call('GET /plugins', '/plugins'),
  call('GET /swarm', '/swarm', { status: 503 }),

  call('POST /containers/create', '/containers/create', {
    body: { Image: 'busybox', Cmd: ['true'] },
    status: 201,
    undo: removeContainer,
  }),
  call('POST /containers/create', '/containers/create', { body: { Image: 'nosuch' }, status: 404 }),
  call('POST /containers/{id}/start', container('running', '/start'), { status: 304, as: 'text' }),
  call('POST /containers/{id}/stop', container('exited', '/stop'), { status: 304, as: 'text' }),
  call('POST /containers/{id}/kill', container('exited', '/kill'), { status: 409, since: '1.41' }),
  call('POST /containers/{id}/wait', container('exited', '/wait')),
  call('POST /containers/{id}/update', container('running', '/update'), { body: { PidsLimit: 100 } }),
  call('POST /containers/{id}/pause', container('running', '/pause'), { status: 204, as: 'text' }),
  call('POST /containers/{id}/unpause', container('running', '/unpause'), { status: 204, as: 'text' }),
  call('POST /containers/{id}/exec', container('running', '/exec'), { body: { Cmd: ['true'] }, status: 201 }),
  call('POST /containers/prune', `/containers/prune?filters=${nothing}`),
  call('POST /images/{name}/tag', `/images/busybox/tag?repo=${names.image}&tag=1`, { status: 201, as: 'text' }),
  call('DELETE /images/{name}', `/images/${names.image}:1`),
  call('POST /images/prune', `/images/prune?filters=${nothing}`),
  call('POST /volumes/create', '/volumes/create', {
    body: { Labels: { oa: 'yes' } },
    status: 201,
    undo: ({ json }) => api().delete(`/volumes/${json.Name}`),
  }),
  call('POST /volumes/prune', `/volumes/prune?filters=${nothing}`),
  call('POST /networks/create', '/networks/create', {
    body: { Name: `${names.network}-2` },
    status: 201,
    undo: ({ json }) => api().delete(`/networks/${json.Id}`),
  }),
  call('POST /networks/prune', `/networks/prune?filters=${nothing}`),
  call('POST /build/prune', `/build/prune?filters=${encodeURIComponent('{"id":["nosuch"]}')}`, { since: '1.41' }),
];

function complaints(version: OpenApiVersion, { operation, as }: Call, reply: ApiReply): string[] {
  const [method = '', path = ''] = operation.split(' ');
  const bodies =
    as === 'lines'
      ? reply.text
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as unknown)
      : [as === 'text' ? reply.text : reply.json];
  const found = bodies.flatMap((body) => OpenApi.load(version).check(method, path, reply.status, body));
  // An alternative (`null`, say) that does not fit either is only an echo of what is wrong inside.
  const inner = found.filter((complaint) => !/must be null|must match a schema in anyOf/.test(complaint));
  return [...new Set(inner.length > 0 ? inner : found)]
    .map((complaint) => `${operation}: ${complaint}`)
    .filter((complaint) => !DEVIATIONS.some(({ pattern }) => pattern.test(complaint)));
}

describe.runIf(isThere).each(versions)('what the daemon answers is as the file of API %s says', (version) => {
  const known = isThere ? new Set(OpenApi.load(version).operations) : new Set();
  const own = CALLS.filter(({ operation, since }) => known.has(operation) && (!since || since <= version));

  it.each(own.map((one) => [one.operation, one.status, one] as const))('%s: %i', async (operation, status, one) => {
    const reply = await api().call(operation.split(' ')[0] ?? '', `/v${version}${one.path()}`, one.body);
    try {
      expect([reply.status, reply.status === status ? '' : reply.text]).toEqual([status, '']);
      expect(complaints(version, one, reply)).toEqual([]);
    } finally {
      await one.undo?.(reply);
    }
  });
});

/** There is no index to search; what is said then (400, which the file does not know) is tried in test/e2e/registry.test.ts. */
const ELSEWHERE = ['GET /images/search'];

describe('the calls', () => {
  it('have every GET that is served', () => {
    const compat = JSON.parse(readFileSync(new URL('../../docker-compat.json', import.meta.url), 'utf8')) as {
      method: string;
      path: string;
      status: string;
    }[];
    const asked = new Set([...ELSEWHERE, ...CALLS.map(({ operation }) => operation.replace(/\/$/, ''))]);
    const missing = compat
      .filter(({ method, status }) => method === 'GET' && status !== 'missing')
      .map(({ method, path }) => `${method} ${path.replace(/\/$/, '')}`)
      .filter((operation) => !asked.has(operation));
    expect(missing).toEqual([]);
  });
});
