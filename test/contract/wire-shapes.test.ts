import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiServer } from '../../src/api/http/server.js';
import { createApiServer } from '../../src/api/http/server.js';
import { ALL_ROUTES } from '../../src/api/routes/all-routes.js';
import { silentLogger } from '../../src/shared/logger.js';
import { ApiClient } from '../support/api-client.js';
import { fakeEngine } from './fake-engine.js';
import { hasOpenApi, OpenApi, OPENAPI_VERSIONS } from './openapi.js';

const dir = mkdtempSync(join(tmpdir(), 'wharf-wire-'));
const client = new ApiClient(join(dir, 'docker.sock'));
let server: ApiServer;

beforeAll(async () => {
  server = await createApiServer({
    engine: fakeEngine(),
    logger: silentLogger,
    facts: { version: '29.0.0', experimental: false, builderVersion: '1' },
    routes: ALL_ROUTES,
  });
  await server.listen(`unix://${client.socketPath}`, { tls: null, group: '', groupIsDefault: true });
});

afterAll(async () => {
  await server.close();
  rmSync(dir, { recursive: true });
});

/** [method, template, concrete path, body, first version] */
const CALLS: [string, string, string, unknown?, string?][] = [
  ['GET', '/version', '/version'],
  ['GET', '/info', '/info'],
  ['GET', '/system/df', '/system/df'],
  ['POST', '/auth', '/auth', { username: 'x', password: 'y' }],
  ['GET', '/images/json', '/images/json'],
  ['GET', '/images/{name}/json', '/images/bb:1/json'],
  ['GET', '/images/{name}/json', '/images/nosuch/json'],
  ['GET', '/images/{name}/history', '/images/bb:1/history'],
  ['POST', '/images/{name}/tag', '/images/bb:1/tag?repo=a/b&tag=c'],
  ['DELETE', '/images/{name}', '/images/bb:1'],
  ['POST', '/images/prune', '/images/prune'],
  ['GET', '/volumes', '/volumes'],
  ['POST', '/volumes/create', '/volumes/create', { Name: 'v' }],
  ['GET', '/volumes/{name}', '/volumes/v'],
  ['DELETE', '/volumes/{name}', '/volumes/v'],
  ['POST', '/volumes/prune', '/volumes/prune'],
  ['GET', '/networks', '/networks'],
  ['GET', '/networks/{id}', '/networks/n'],
  ['POST', '/networks/create', '/networks/create', { Name: 'n' }],
  ['POST', '/networks/{id}/connect', '/networks/n/connect', { Container: 'web' }],
  ['POST', '/networks/prune', '/networks/prune'],
  ['GET', '/plugins', '/plugins'],
  ['GET', '/swarm', '/swarm'],
  ['GET', '/services', '/services'],
  ['POST', '/swarm/leave', '/swarm/leave'],
];

describe.runIf(hasOpenApi())('replies are as the OpenAPI file says', () => {
  describe.each(OPENAPI_VERSIONS)('in API %s', (version) => {
    it.each(CALLS)('%s %s (%s)', async (method, template, path, body) => {
      const reply = await client.call(method, `/v${version}${path}`, body);
      expect(reply.text).not.toMatch(/page not found/);
      expect(OpenApi.load(version).check(method, template, reply.status, reply.json)).toEqual([]);
    });
  });
});

describe('what versions see', () => {
  const info = async (version: string): Promise<any> => (await client.get(`/v${version}/info`)).json;

  it('GET /info', async () => {
    expect(await info('1.24')).toMatchObject({ SecurityOptions: ['seccomp'], KernelMemory: false });
    expect((await info('1.25')).SecurityOptions).toEqual(['name=seccomp,profile=builtin']);
    expect(await info('1.42')).not.toHaveProperty('KernelMemory');
    expect((await info('1.43')).Runtimes.runc).not.toHaveProperty('status');
    expect((await info('1.44')).Runtimes.runc).toHaveProperty('status');
    expect(await info('1.48')).toMatchObject({ RuncCommit: { Expected: 'x' }, BridgeNfIptables: false });
    expect(await info('1.48')).not.toHaveProperty('FirewallBackend');
    expect((await info('1.49')).RuncCommit).toEqual({ ID: 'x' });
    expect(await info('1.49')).toMatchObject({ BridgeNfIptables: false, FirewallBackend: { Driver: 'nftables' } });
    expect(await info('1.50')).not.toHaveProperty('BridgeNfIptables');
    expect(await info('1.51')).toHaveProperty('KernelMemoryTCP');
    expect(await info('1.52')).not.toHaveProperty('KernelMemoryTCP');
  });

  it('GET /images/json', async () => {
    const list = async (version: string): Promise<any> => (await client.get(`/v${version}/images/json`)).json;
    expect((await list('1.42'))[1]).toMatchObject({ RepoTags: ['<none>:<none>'], RepoDigests: ['<none>@<none>'] });
    expect((await list('1.43'))[1]).toMatchObject({ RepoTags: [], VirtualSize: 1982277 });
    expect((await list('1.44'))[0]).not.toHaveProperty('VirtualSize');
    expect((await list('1.47'))[0]).not.toHaveProperty('Descriptor');
    expect((await list('1.50'))[0].Containers).toBe(-1);
    expect((await list('1.51'))[0]).toMatchObject({ Containers: 2, Descriptor: { size: 500 } });
  });

  it('GET /images/{name}/json', async () => {
    const inspect = async (version: string): Promise<any> => (await client.get(`/v${version}/images/bb:1/json`)).json;
    expect(await inspect('1.43')).toMatchObject({
      VirtualSize: 1982277,
      ContainerConfig: {},
      Config: { Hostname: '' },
    });
    expect(await inspect('1.45')).not.toHaveProperty('ContainerConfig');
    expect((await inspect('1.50')).Config).not.toHaveProperty('Hostname');
    expect(await inspect('1.51')).toMatchObject({ Author: '', Config: { Labels: null, Cmd: ['sh'] } });
    expect(await inspect('1.52')).not.toHaveProperty('Author');
    expect((await inspect('1.52')).Config).toEqual({ Cmd: ['sh'], Env: ['PATH=/bin'], ExposedPorts: { '80/tcp': {} } });
  });

  it('GET /networks', async () => {
    const list = async (version: string): Promise<any> => (await client.get(`/v${version}/networks/`)).json;
    expect(Object.keys((await list('1.27'))[0].Containers)).toHaveLength(1);
    expect((await list('1.28'))[0].Containers).toEqual({});
    expect((await list('1.52'))[0]).not.toHaveProperty('Containers');
  });

  it('POST /volumes/prune', async () => {
    const prune = async (version: string): Promise<any> => (await client.post(`/v${version}/volumes/prune`)).json;
    expect((await prune('1.41')).VolumesDeleted).toEqual(['v']);
    expect((await prune('1.42')).VolumesDeleted).toEqual([]);
  });

  it('what builds need is said to be missing', async () => {
    for (const path of ['/build', '/session', '/grpc']) {
      const { status, json } = await client.post(`/v1.51${path}`);
      expect([status, json]).toEqual([501, { message: "wharfd can't build images yet" }]);
    }
    expect(await client.post('/v1.51/build/cancel')).toMatchObject({
      status: 400,
      json: { message: 'build ID not provided' },
    });
  });

  it('GET /system/df', async () => {
    const df = async (path: string): Promise<any> => (await client.get(path)).json;
    expect(await df('/v1.43/system/df')).toMatchObject({ LayersSize: 1982277, Images: [{ VirtualSize: 1982277 }] });
    expect(Object.keys(await df('/v1.51/system/df?type=volume'))).toEqual(['Volumes']);
    expect(await df('/v1.52/system/df')).toMatchObject({ LayersSize: 1982277, VolumeUsage: { TotalSize: 10 } });
    expect(await df('/v1.53/system/df')).not.toHaveProperty('LayersSize');
    expect((await df('/v1.53/system/df?verbose=1')).VolumeUsage.Items).toHaveLength(1);
    expect((await client.get('/v1.44/system/df?type=x')).json).toEqual({ message: 'unknown object type: x' });
  });

  it('GET /events', async () => {
    const lines = async (version: string, accept = ''): Promise<[string, string[]]> => {
      const { text, headers } = await client.call('GET', `/v${version}/events?until=0`, undefined, { Accept: accept });
      return [headers['content-type'] ?? '', text.trim().split('\n')];
    };
    const [oldType, old] = await lines('1.45');
    expect(oldType).toBe('application/json');
    expect(old).toHaveLength(1); // without the image's create
    expect(old[0]).toMatch(/"timeNano":1795225777011562349\}$/);
    expect(JSON.parse(old[0] ?? '')).toMatchObject({ status: 'start', id: 'c'.repeat(64), from: 'bb:1' });
    expect((await lines('1.46'))[1]).toHaveLength(2);
    const [newType, [first]] = await lines('1.52');
    expect(newType).toBe('application/jsonl');
    expect(JSON.parse(first ?? '')).not.toHaveProperty('status');
    expect((await lines('1.52', 'application/x-ndjson'))[0]).toBe('application/x-ndjson');
    expect((await lines('1.53', 'text/html, application/json-seq;q=1'))[1][0]).toMatch(/^\x1e\{/);
  });
});

describe('_ping', () => {
  it('answers GET and HEAD with what clients negotiate by', async () => {
    for (const method of ['GET', 'HEAD']) {
      const reply = await client.call(method, '/_ping');
      expect(reply).toMatchObject({ status: 200, text: method === 'GET' ? 'OK' : '' });
      expect(reply.headers).toMatchObject({
        'api-version': '1.55',
        'builder-version': '1',
        swarm: 'inactive',
        'cache-control': 'no-cache, no-store, must-revalidate',
        pragma: 'no-cache',
        'content-type': 'text/plain; charset=utf-8',
        'content-length': method === 'GET' ? '2' : '0',
      });
    }
  });
});

describe('errors of the query', () => {
  it.each([
    ['/images/json?filters=x', 'invalid filter'],
    ['/images/json?filters={"x":["a"]}', "invalid filter 'x'"],
    ['/images/json?filters={"label":"a"}', 'invalid filter'],
    ['/volumes?filters={"x":{"a":true}}', "invalid filter 'x'"],
    ['/events?since=x', 'strconv.ParseInt: parsing "x": invalid syntax'],
    ['/events?since=5&until=4', '`since` time (5) cannot be after `until` time (4)'],
    ['/networks/n?verbose=x', 'invalid value for verbose: x: strconv.ParseBool: parsing "x": invalid syntax'],
  ])('%s', async (path, message) => {
    expect(await client.get(encodeURI(path))).toMatchObject({ status: 400, json: { message } });
  });
});
