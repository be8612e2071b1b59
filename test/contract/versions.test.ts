import { describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';

const suite = daemonSuite();
/** What dockerd 28.5 serves, which some of this is held against; 1.52 and later are ours alone. */
const REFERENCE_MAX = 51;
const MAX = process.env.WHARF_TEST_TARGET ? REFERENCE_MAX : 55;
const VERSIONS = Array.from({ length: MAX - 24 + 1 }, (_, i) => `1.${24 + i}`);

const api = () => suite.daemon.api;
const at = (version: string, path: string): string => `/v${version}${path}`;

async function withContainer<T>(body: object, use: (id: string) => Promise<T>, version = '1.51'): Promise<T> {
  const full = { Image: 'busybox', Cmd: ['sleep', '1000'], ...body };
  const { status, json, text } = await api().post(at(version, '/containers/create'), full);
  if (status !== 201) throw new Error(`${status} ${text}`);
  try {
    return await use(json.Id);
  } finally {
    await api().delete(`/containers/${json.Id}?force=1&v=1`);
  }
}

describe('every version', () => {
  it.each(['', ...VERSIONS.map((version) => `/v${version}`)])('makes a round trip with prefix "%s"', async (prefix) => {
    const version = await api().get(`${prefix}/version`);
    expect(version).toMatchObject({
      status: 200,
      json: { ApiVersion: `1.${MAX}`, MinAPIVersion: '1.24', Os: 'linux' },
    });
    expect(version.headers).toMatchObject({
      'api-version': `1.${MAX}`,
      ostype: 'linux',
      'docker-experimental': 'false',
      'content-type': 'application/json',
      server: expect.stringMatching(/^Docker\/\d+\.\d+\.\d+\S* \(linux\)$/),
    });
    expect((await api().get(`${prefix}/_ping`)).text).toBe('OK');
    const info = await api().get(`${prefix}/info`);
    expect(info.json).toMatchObject({ OSType: 'linux', Swarm: { LocalNodeState: 'inactive' } });
    const created = await api().post(`${prefix}/containers/create`, { Image: 'busybox', Cmd: ['true'] });
    expect(created).toMatchObject({ status: 201, json: { Warnings: [] } });
    const { Id } = created.json;
    const inspected = await api().get(`${prefix}/containers/${Id}/json`);
    expect(inspected.json).toMatchObject({ Id, State: { Status: 'created' }, Config: { Image: 'busybox' } });
    const listed = await api().get(`${prefix}/containers/json?all=1&filters={"id":["${Id}"]}`);
    expect(listed.json).toMatchObject([{ Id, State: 'created', Names: [inspected.json.Name] }]);
    expect((await api().delete(`${prefix}/containers/${Id}`)).status).toBe(204);
    const gone = await api().get(`${prefix}/containers/${Id}/json`);
    expect([gone.status, gone.json]).toEqual([404, { message: `No such container: ${Id}` }]);
  });
});

describe('what came and went with a version', () => {
  const since = (version: string) => VERSIONS.map((v) => [v, Number(v.slice(2)) >= Number(version.slice(2))] as const);

  it('info: fields', async () => {
    const gates: [field: string, from: string | null, until: string | null][] = [
      ['BridgeNfIptables', null, '1.49'],
      ['FirewallBackend', '1.49', null],
      ['DiscoveredDevices', '1.50', null],
      ['KernelMemory', null, '1.41'],
    ];
    for (const version of VERSIONS) {
      const minor = Number(version.slice(2));
      const info = (await api().get(at(version, '/info'))).json;
      for (const [field, from, until] of gates) {
        const isThere = (!from || minor >= Number(from.slice(2))) && (!until || minor <= Number(until.slice(2)));
        // Go leaves empty ones off, so only ours are sure to be there.
        if (!isThere || !suite.daemon.reference)
          expect([version, field, field in info]).toEqual([version, field, isThere]);
      }
      expect([version, 'Expected' in info.RuncCommit]).toEqual([version, minor < 49]);
      const runtime = Object.values(info.Runtimes)[0] as object;
      expect([version, 'status' in runtime]).toEqual([version, minor >= 44]);
    }
  });

  it('events: status, id and from until 1.51, and image creation from 1.46', async () => {
    const begin = (Date.now() / 1000 - 0.001).toFixed(3);
    await withContainer({ Labels: { gate: 'events' } }, () => Promise.resolve());
    const end = (Date.now() / 1000 + 0.02).toFixed(3);
    const filters = encodeURIComponent(JSON.stringify({ label: ['gate=events'], event: ['create'] }));
    for (const version of VERSIONS) {
      const { text, headers } = await api().get(at(version, `/events?since=${begin}&until=${end}&filters=${filters}`));
      const isNew = Number(version.slice(2)) >= 52;
      expect(headers['content-type']).toBe(isNew ? 'application/jsonl' : 'application/json');
      const event = JSON.parse(text);
      expect(event).toMatchObject({ Type: 'container', Action: 'create', scope: 'local' });
      expect(text).toMatch(/"timeNano":\d{19}\b/);
      if (isNew) expect(event).not.toHaveProperty('status');
      else expect(event).toMatchObject({ status: 'create', id: event.Actor.ID, from: 'busybox' });
    }
  });

  it('the list of containers: Annotations from 1.46, Health from 1.52', async () => {
    await withContainer({ HostConfig: { Annotations: { a: 'b' } } }, async (id) => {
      for (const [version, has] of since('1.46')) {
        const [row] = (await api().get(at(version, `/containers/json?all=1&filters={"id":["${id}"]}`))).json;
        expect([version, row.HostConfig.Annotations]).toEqual([version, has ? { a: 'b' } : undefined]);
        if (Number(version.slice(2)) < 52) expect(row).not.toHaveProperty('Health');
      }
    });
  });

  it('images: VirtualSize until 1.43, Containers from 1.51, ContainerConfig until 1.44', async () => {
    await withContainer({}, async () => {
      for (const [version, counts] of since('1.51')) {
        const minor = Number(version.slice(2));
        const reference = encodeURIComponent(JSON.stringify({ reference: ['busybox:latest'] }));
        const [row] = (await api().get(at(version, `/images/json?filters=${reference}`))).json;
        expect([version, 'VirtualSize' in row]).toEqual([version, minor < 44]);
        expect([version, row.Containers >= 1, row.Containers === -1]).toEqual([version, counts, !counts]);
        const image = (await api().get(at(version, '/images/busybox/json'))).json;
        expect([version, 'VirtualSize' in image]).toEqual([version, minor < 44]);
        expect([version, 'ContainerConfig' in image]).toEqual([version, minor < 45]);
      }
    });
  });

  it('networks: the list has containers until 1.27 only', async () => {
    for (const [version, isShort] of since('1.28')) {
      const [network] = (await api().get(at(version, '/networks?filters={"name":["^bridge$"]}'))).json;
      expect([version, network.Name]).toEqual([version, 'bridge']);
      if (isShort) expect(Object.keys(network.Containers ?? {})).toEqual([]);
    }
  });

  it.each([
    ['1.39', '1.40', {}, 'HostConfig.IpcMode', 'shareable', 'private'],
    ['1.41', '1.42', { HostConfig: { ConsoleSize: [3, 4] } }, 'HostConfig.ConsoleSize', [0, 0], [3, 4]],
    ['1.42', '1.43', { HostConfig: { Annotations: { a: 'b' } } }, 'HostConfig.Annotations', undefined, { a: 'b' }],
    ['1.43', '1.44', { Healthcheck: { StartInterval: 5e9 } }, 'Config.Healthcheck.StartInterval', undefined, 5e9],
    ['1.41', '1.42', { StopSignal: 'INT' }, 'Config.StopSignal', 'INT', 'INT'],
  ])('create with %s and with %s: %j', async (before, after, body, path, was, is) => {
    for (const [version, expected] of [
      [before, was],
      [after, is],
    ] as const) {
      const seen = await withContainer(
        body,
        async (id) => {
          const { json } = await api().get(`/v1.51/containers/${id}/json`);
          return path.split('.').reduce<any>((value, key) => value?.[key], json);
        },
        version,
      );
      expect([version, seen]).toEqual([version, expected]);
    }
  });

  it.each([
    ['1.43', { HostConfig: {}, NetworkingConfig: { EndpointsConfig: { a: {}, b: {} } } }, /multiple network endpoints/],
    [
      '1.44',
      { HostConfig: { Mounts: [{ Type: 'volume', Target: '/x', VolumeOptions: { Subpath: 'a' } }] } },
      /Subpath/,
    ],
    ['1.47', { HostConfig: { Mounts: [{ Type: 'image', Source: 'busybox', Target: '/x' }] } }, /[Ii]mage/],
    ['1.40', { HostConfig: { Capabilities: ['CHOWN'] } }, /Capabilities/],
    ['1.43', { MacAddress: '02:42:ac:11:00:22', HostConfig: { NetworkMode: 'host' } }, /conflicting options/],
  ])('create with %s refuses %j', async (version, body, message) => {
    // dockerd forgot to: the container has more rights than were asked for.
    if (suite.daemon.reference && 'Capabilities' in (body.HostConfig ?? {})) return;
    const reply = await api().post(at(version, '/containers/create'), { Image: 'busybox', Cmd: ['true'], ...body });
    if (reply.status === 201) await api().delete(`/containers/${reply.json.Id}?force=1`);
    expect([reply.status, reply.json.message]).toEqual([400, expect.stringMatching(message)]);
  });

  it('short ids are aliases until 1.44', async () => {
    const { json, status, text } = await api().post('/networks/create', { Name: `ver-${process.pid}` });
    expect([status, text]).toEqual([201, expect.anything()]);
    try {
      await withContainer({ HostConfig: { NetworkMode: json.Id } }, async (id) => {
        await api().post(`/containers/${id}/start`);
        for (const [version, isNew] of since('1.45')) {
          const { NetworkSettings } = (await api().get(at(version, `/containers/${id}/json`))).json;
          const [endpoint] = Object.values<any>(NetworkSettings.Networks);
          expect([version, endpoint.Aliases?.includes(id.slice(0, 12)) ?? false]).toEqual([version, !isNew]);
        }
      });
    } finally {
      await api().delete(`/networks/${json.Id}`);
    }
  });

  it('the content type of logs says that they are framed from 1.42 on', async () => {
    await withContainer({}, async (id) => {
      for (const [version, isNew] of since('1.42')) {
        const { headers } = await api().get(at(version, `/containers/${id}/logs?stdout=1`));
        const type = isNew ? 'multiplexed' : 'raw';
        expect([version, headers['content-type']]).toEqual([version, `application/vnd.docker.${type}-stream`]);
      }
    });
  });

  it('operations that came later are not there before', async () => {
    // dockerd serves these to every version.
    if (suite.daemon.reference) return;
    for (const [method, path, first] of [
      ['POST', '/containers/prune?filters={"label":["nothing-has-it"]}', '1.25'],
      ['POST', '/images/prune?filters={"label":["nothing-has-it"]}', '1.25'],
      ['POST', '/volumes/prune?filters={"label":["nothing-has-it"]}', '1.25'],
      ['GET', '/system/df', '1.25'],
    ] as const) {
      for (const [version, isThere] of since(first)) {
        const { status } = await api().call(method, at(version, path));
        expect([method, path, version, status]).toEqual([method, path, version, isThere ? 200 : 404]);
      }
    }
  });
});
