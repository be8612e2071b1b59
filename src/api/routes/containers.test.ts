import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeEngineServer, startFakeEngineServer } from '../../../test/support/fake-engine-server.js';
import { containerFromInspect, recording } from '../../../test/support/recorded-container.js';
import type { CreateContainerRequest } from '../../engine/containers/container-config.js';
import type { ContainerSummary, ListContainersOptions } from '../../engine/containers/container.js';
import { conflict, notFound } from '../../shared/errors.js';
import { CONTAINER_ROUTES } from './containers.js';

const container = containerFromInspect(recording('inspect-cli-v1.51.json'));
const row: ContainerSummary = {
  container,
  names: ['/cli'],
  statusText: 'Up',
  image: 'busybox',
  command: 'sh',
  ports: [{ containerPort: 80, proto: 'tcp', hostIp: '', hostPort: 0 }],
  size: null,
};
let api: FakeEngineServer;
let created: CreateContainerRequest[];
let listed: ListContainersOptions[];

beforeEach(async () => {
  created = [];
  listed = [];
  api = await startFakeEngineServer(CONTAINER_ROUTES, {
    containers: {
      create: async (request) => {
        created.push(request);
        if (request.name === 'taken') throw conflict('Conflict. The container name "/taken" is already in use');
        return { id: 'abc', warnings: ['engine'] };
      },
      list: (options) => {
        listed.push(options);
        return [row];
      },
      listWithSizes: async (options) => {
        listed.push(options);
        return [{ ...row, size: { rwBytes: 1, rootFsBytes: 2 } }];
      },
      inspect: (ref) => {
        if (ref !== 'cli' && ref !== '/cli') throw notFound(`No such container: ${ref}`);
        return container;
      },
      size: async () => ({ rwBytes: 1, rootFsBytes: 2 }),
      changes: async (ref) => (ref === 'cli' ? [{ path: '/test', kind: 1 }] : []),
      top: async (_ref, psArgs) => ({ titles: ['PID', psArgs], processes: [['1', 'x']] }),
      update: async () => ({ warnings: [] }),
      prune: async () => ({ deleted: [], spaceReclaimedBytes: 0 }),
      remove: async (_ref, options) => {
        if (!options.force) throw conflict('container is running');
      },
    },
  });
});

afterEach(() => api[Symbol.asyncDispose]());

describe('create', () => {
  it('answers 201 with the warnings of both sides', async () => {
    const body = { Image: 'busybox', MacAddress: '02:42:ac:11:00:22' };
    const reply = await api.call('POST', '/v1.44/containers/create?name=/n&platform=linux/amd64', { body });
    expect(reply.status).toBe(201);
    expect(reply.body.Id).toBe('abc');
    expect(reply.body.Warnings).toEqual([expect.stringContaining('deprecated'), 'engine']);
    expect(created[0]).toMatchObject({ name: '/n', platform: 'linux/amd64', apiVersion: [1, 44] });
  });

  it('has no platform before 1.41', async () => {
    await api.call('POST', '/v1.40/containers/create?platform=linux/amd64', { body: { Image: 'busybox' } });
    expect(created[0]?.platform).toBe('');
  });

  it.each([
    [undefined, 400, 'invalid JSON: got EOF while reading request body'],
    ['null', 400, 'config cannot be empty in order to create a container'],
    ['{}', 400, 'config cannot be empty in order to create a container'],
    ['{"Image":5}', 400, /^invalid JSON: json: cannot unmarshal number/],
    ['{"Image":', 400, /^invalid JSON: /],
  ])('answers a body of %s with %d', async (body, status, message) => {
    const reply = await api.call('POST', '/containers/create', { body });
    expect(reply.status).toBe(status);
    expect(reply.body.message).toMatch(message);
    expect(created).toEqual([]);
  });

  it("passes the engine's conflict on", async () => {
    const reply = await api.call('POST', '/containers/create?name=taken', { body: { Image: 'busybox' } });
    expect(reply.status).toBe(409);
    expect(reply.body.message).toContain('already in use');
  });
});

describe('list', () => {
  it('reads its parameters as dockerd does', async () => {
    const filters = encodeURIComponent('{"label":{"a=b":true},"status":["exited"]}');
    const sized = await api.call('GET', `/containers/json?limit=2&size=True&since=a&before=b&filters=${filters}`);
    expect(sized.body[0]).toMatchObject({ Id: container.id, SizeRw: 1, SizeRootFs: 2 });
    expect(listed).toHaveLength(1);
    expect(listed[0]).toMatchObject({ all: true, limit: 2, since: 'a', before: 'b' });
    expect([...(listed[0]?.filters ?? [])]).toEqual([
      ['label', ['a=b']],
      ['status', ['exited']],
    ]);
    await api.call('GET', '/containers/json?limit=-1&all=0');
    expect(listed[1]).toMatchObject({ all: false, limit: -1 });
  });

  it('shows health from 1.52 on', async () => {
    expect((await api.call('GET', '/v1.51/containers/json')).body[0]).not.toHaveProperty('Health');
    expect((await api.call('GET', '/v1.52/containers/json')).body[0].Health.Status).toBe('none');
  });

  it.each([
    ['filters=%7Bx', 'invalid filter'],
    ['limit=x', 'strconv.Atoi: parsing "x": invalid syntax'],
  ])('refuses %s', async (query, message) => {
    expect(await api.call('GET', `/containers/json?${query}`)).toMatchObject({ status: 400, body: { message } });
  });
});

describe('a list and an inspect', () => {
  it.each([
    '/containers/json',
    '/v1.44/containers/json?all=1',
    '/containers/cli/json',
    '/v1.44/containers/cli/json',
    '/containers/json?filters=%7Bx',
    '/containers/no/json',
  ])('are the same for a connection that is kept and for one that is not: %s', async (path) => {
    const [kept, closed] = await Promise.all(
      [{ headers: { Connection: 'keep-alive' } }, { headers: { Connection: 'close' } }].map((options) =>
        api.call('GET', path, options),
      ),
    );
    expect(kept?.body).toEqual(closed?.body);
    expect(kept?.status).toBe(closed?.status);
    expect(kept?.headers['content-length']).toBe(closed?.headers['content-length']);
  });
});

describe('the rest', () => {
  it('inspects by name, with a slash too, and with sizes on demand', async () => {
    expect((await api.call('GET', '/containers/cli/json')).body).not.toHaveProperty('SizeRw');
    expect((await api.call('GET', '/containers//cli/json?size=1')).body).toMatchObject({ SizeRw: 1, SizeRootFs: 2 });
    expect(await api.call('GET', '/containers/no/json')).toMatchObject({
      status: 404,
      body: { message: 'No such container: no' },
    });
  });

  it('prints changes, or null', async () => {
    expect((await api.call('GET', '/containers/cli/changes')).body).toEqual([{ Path: '/test', Kind: 1 }]);
    expect((await api.call('GET', '/containers/none/changes')).body).toBeNull();
  });

  it('answers top, update, prune and remove', async () => {
    expect((await api.call('GET', '/containers/cli/top?ps_args=aux')).body.Titles).toEqual(['PID', 'aux']);
    expect((await api.call('POST', '/containers/cli/update')).body).toEqual({ Warnings: null });
    expect((await api.call('POST', '/containers/prune')).body).toEqual({ ContainersDeleted: null, SpaceReclaimed: 0 });
    expect((await api.call('DELETE', '/containers/cli')).status).toBe(409);
    expect((await api.call('DELETE', '/containers/cli?force=1')).status).toBe(204);
    expect((await api.call('POST', '/v1.24/containers/prune')).status).toBe(404);
  });
});
