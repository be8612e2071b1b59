import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Box } from '../support/box.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();
const SLEEP = ['sleep', '1000'];
const net = `psnet${process.pid}`;
const volume = `psvol${process.pid}`;
const MINE = 'ps-test';

/** In order of their creation. */
const boxes: Record<string, Box> = {};
let networkId = '';
let image = '';

const create = async (key: string, cmd: string[], { Labels = {}, ...config }: any = {}): Promise<Box> =>
  (boxes[key] = await Box.create(suite.daemon, cmd, { ...config, Labels: { [MINE]: key, ...Labels } }));

beforeAll(async () => {
  const { daemon } = suite;
  networkId = (await daemon.api.post('/networks/create', { Name: net })).json.Id;
  image = (await daemon.api.get('/images/busybox/json')).json.Id;
  await daemon.api.post('/images/busybox/tag?repo=psimg&tag=1');
  await create('web', SLEEP, {
    Labels: { tier: 'front', empty: '' },
    ExposedPorts: { '8080/tcp': {}, '8081/udp': {}, '53/udp': {} },
    HostConfig: {
      NetworkMode: net,
      PortBindings: { '8080/tcp': [{ HostPort: '18080' }], '8081/udp': [{ HostPort: '18081' }] },
      Binds: [`${volume}:/data`, '/tmp:/host'],
    },
  });
  await create('failed', ['sh', '-c', 'echo a  b; exit 3'], { Image: 'psimg:1', Labels: { tier: 'back' } });
  await create('sick', SLEEP, { Healthcheck: { Test: ['CMD', 'false'], Interval: 50_000_000, Retries: 1 } });
  await create('paused', SLEEP);
  await create('created', SLEEP, { ExposedPorts: { '8080/tcp': {} } });
  for (const key of ['web', 'failed', 'sick', 'paused']) await boxes[key]!.ok('start');
  await boxes.failed!.until('exited');
  await boxes.paused!.ok('pause');
  await poll('a verdict', async () => (await boxes.sick!.state()).Health.Status === 'unhealthy', { timeoutMs: 60_000 });
});

afterAll(async () => {
  const { daemon } = suite;
  for (const box of Object.values(boxes)) await box.remove();
  await daemon.api.delete(`/networks/${networkId}`);
  await daemon.api.delete(`/volumes/${volume}`);
  await daemon.api.delete('/images/psimg:1');
});

/** The keys of those that are listed, in the order of the list. */
async function list(query: Record<string, string>, filters: Record<string, string[]> = {}): Promise<string[]> {
  const text = JSON.stringify({ ...filters, label: [MINE, ...(filters.label ?? [])] });
  const search = new URLSearchParams({ ...query, filters: text }).toString();
  const { status, json, text: reply } = await suite.daemon.api.get(`/containers/json?${search}`);
  if (status !== 200) throw new Error(reply);
  return (json as { Labels: Record<string, string> }[]).map(({ Labels }) => Labels[MINE]!);
}

const EVERY = ['created', 'paused', 'sick', 'failed', 'web'];

describe('ps', () => {
  it('lists what runs, newest first', async () => {
    expect(await list({})).toEqual(['paused', 'sick', 'web']);
    expect(await list({ all: '1' })).toEqual(EVERY);
    expect(await list({ all: 'no' })).toEqual(['paused', 'sick', 'web']);
  });

  it('is limited, which means all', async () => {
    expect(await list({ limit: '2' })).toEqual(['created', 'paused']);
    expect(await list({ limit: '-1' })).toEqual(['paused', 'sick', 'web']);
    expect(await list({ limit: '1' }, { status: ['running'] })).toEqual(['sick']);
    expect(await list({ limit: '100' })).toEqual(EVERY);
  });

  const ref = (key: string): string => boxes[key]!.id;
  const name = (key: string): string => boxes[key]!.name;

  it.each<[string, () => Record<string, string[]>, string[]]>([
    ['ancestor: tag', () => ({ ancestor: ['psimg:1'] }), EVERY],
    ['ancestor: latest', () => ({ ancestor: ['busybox'] }), EVERY],
    ['ancestor: id', () => ({ ancestor: [image] }), EVERY],
    ['ancestor: short id', () => ({ ancestor: [image.slice(7, 19)] }), EVERY],
    ['ancestor: none', () => ({ ancestor: ['no-such-image'] }), []],
    ['ancestor: nonsense', () => ({ ancestor: ['UPPER', 'busybox'] }), EVERY],
    ['before', () => ({ before: [ref('sick')] }), ['failed', 'web']],
    ['before: name', () => ({ before: [name('failed')] }), ['web']],
    ['since', () => ({ since: [ref('sick')] }), ['created', 'paused']],
    ['since and before', () => ({ since: [ref('web')], before: [name('paused')] }), ['sick', 'failed']],
    ['exited', () => ({ exited: ['3'] }), ['failed']],
    ['exited: several', () => ({ exited: ['0', '3'] }), ['failed']],
    ['exited: other', () => ({ exited: ['1'] }), []],
    ['expose', () => ({ expose: ['53/udp'] }), ['web']],
    ['expose: range', () => ({ expose: ['8000-8080'] }), ['web']],
    ['expose: protocol', () => ({ expose: ['53/tcp'] }), []],
    ['publish: the port of the host', () => ({ publish: ['18080'] }), ['web']],
    ['publish: range', () => ({ publish: ['18000-19000/udp'] }), ['web']],
    ['publish: the port of the container', () => ({ publish: ['8080'] }), []],
    ['publish or expose', () => ({ publish: ['1'], expose: ['8080/tcp'] }), ['web']],
    ['health', () => ({ health: ['unhealthy'] }), ['sick']],
    ['health: several', () => ({ health: ['unhealthy', 'healthy'] }), ['sick']],
    ['health: none', () => ({ health: ['none'] }), ['created', 'paused', 'failed', 'web']],
    ['id', () => ({ id: [ref('web'), ref('sick')] }), ['sick', 'web']],
    ['id: prefix', () => ({ id: [ref('web').slice(0, 20)] }), ['web']],
    ['id: not from the middle', () => ({ id: [ref('web').slice(5, 25)] }), []],
    ['is-task', () => ({ 'is-task': ['true'] }), []],
    ['is-task: false', () => ({ 'is-task': ['0', 'false'] }), EVERY],
    ['label', () => ({ label: ['tier'] }), ['failed', 'web']],
    ['label: value', () => ({ label: ['tier=front'] }), ['web']],
    ['label: both', () => ({ label: ['tier', 'empty='] }), ['web']],
    ['label: contradiction', () => ({ label: ['tier=front', 'tier=back'] }), []],
    ['name', () => ({ name: [name('web')] }), ['web']],
    ['name: expression', () => ({ name: [`^/${name('web')}$`] }), ['web']],
    ['name: several', () => ({ name: [`${name('web')}$`, `${name('sick')}$`] }), ['sick', 'web']],
    ['name: as Go writes it', () => ({ name: [`\\A/?${name('web').replace('box', '[[:alpha:]]+')}\\z`] }), ['web']],
    ['name: in capitals', () => ({ name: ['BOX'] }), []],
    ['name: whatever the case', () => ({ name: ['(?i)BOX'] }), EVERY],
    ['name: no expression', () => ({ name: ['('] }), []],
    ['network', () => ({ network: [net] }), ['web']],
    ['network: id', () => ({ network: [networkId] }), ['web']],
    ['network: short id', () => ({ network: [networkId.slice(0, 12)] }), ['web']],
    ['network: none', () => ({ network: ['none'] }), ['created', 'paused', 'sick', 'failed']],
    ['network: part of a name', () => ({ network: [net.slice(0, 5)] }), []],
    ['status', () => ({ status: ['running'] }), ['sick', 'web']],
    ['status: several', () => ({ status: ['exited', 'created', 'dead'] }), ['created', 'failed']],
    ['status: paused', () => ({ status: ['paused'] }), ['paused']],
    ['volume', () => ({ volume: [volume] }), ['web']],
    ['volume: where it is mounted', () => ({ volume: ['/data'] }), ['web']],
    ['volume: a part', () => ({ volume: ['/dat'] }), []],
    ['keys together', () => ({ status: ['running'], health: ['none'] }), ['web']],
  ])('filters by %s', async (_, filters, expected) => {
    expect(await list({ all: '1' }, filters())).toEqual(expected);
  });

  it('means all by status, and by nothing else', async () => {
    expect(await list({}, { status: ['exited'] })).toEqual(['failed']);
    expect(await list({}, { exited: ['3'] })).toEqual([]);
    expect(await list({}, { before: [ref('sick')] })).toEqual(['web']);
  });

  it.each<[Record<string, unknown>, number, string]>([
    [{ nope: ['x'] }, 400, "invalid filter 'nope'"],
    [
      { status: ['nope'] },
      400,
      "invalid filter 'status=nope': invalid value for state (nope): must be one of created, running, paused, restarting, removing, exited, dead",
    ],
    [
      { health: ['nope'] },
      400,
      "invalid filter 'health=nope': invalid value for health (nope): must be one of none, starting, healthy, unhealthy",
    ],
    [{ exited: ['x'] }, 400, `invalid filter 'exited=x': strconv.Atoi: parsing "x": invalid syntax`],
    [{ 'is-task': ['maybe'] }, 400, "invalid filter 'is-task=[maybe]'"],
    [{ before: ['nope'] }, 404, 'No such container: nope'],
    [{ since: ['nope'] }, 404, 'No such container: nope'],
    [{ publish: ['x'] }, 400, 'error while looking up for publish x: strconv.ParseUint: parsing "x": invalid syntax'],
    [{ publish: ['80:80'] }, 400, "filter for 'publish' should not contain ':': 80:80"],
    [{ expose: [''] }, 400, 'error while looking up for expose : Empty string specified for ports.'],
    [{ expose: ['9-8'] }, 400, 'error while looking up for expose 9-8: Invalid range specified for the Port: 9-8'],
    [{ label: 'x' }, 400, 'invalid filter'],
    [{ label: [1] }, 400, 'invalid filter'],
  ])('refuses %j', async (filters, status, message) => {
    const reply = await suite.daemon.api.get(`/containers/json?filters=${encodeURIComponent(JSON.stringify(filters))}`);
    expect(reply.json).toEqual({ message });
    // dockerd says 500 to some of what is the client's fault.
    expect(suite.daemon.reference && status === 400 ? [400, 500] : [status]).toContain(reply.status);
  });

  it.each(['nonsense', '[]', '"text"', '{'])('refuses filters that are %s', async (text) => {
    const reply = await suite.daemon.api.get(`/containers/json?filters=${encodeURIComponent(text)}`);
    expect(reply).toMatchObject({ status: 400, json: { message: 'invalid filter' } });
  });

  it('says how each of them is', async () => {
    const status = async (key: string): Promise<[string, string]> => {
      const { State, Status } = await boxes[key]!.row();
      return [State, Status];
    };
    expect(await status('created')).toEqual(['created', 'Created']);
    expect(await status('web')).toEqual(['running', expect.stringMatching(/^Up (\d+|About a|Less than a) \w+$/)]);
    expect(await status('sick')).toEqual(['running', expect.stringMatching(/^Up .* \(unhealthy\)$/)]);
    expect(await status('paused')).toEqual(['paused', expect.stringMatching(/^Up .* \(Paused\)$/)]);
    expect(await status('failed')).toEqual(['exited', expect.stringMatching(/^Exited \(3\) .* ago$/)]);
    const looping = await Box.run(suite.daemon, ['sh', '-c', 'exit 9'], {
      HostConfig: { RestartPolicy: { Name: 'always' } },
    });
    const text = await poll('a long back-off', async () => {
      const { RestartCount } = await looping.inspect();
      const row = await looping.row();
      return RestartCount >= 4 && row.State === 'restarting' ? (row.Status as string) : null;
    });
    expect(text).toMatch(/^Restarting \(9\) .* ago$/);
    await looping.remove();
  });

  it('has rows as dockerd has them', async () => {
    const row = await boxes.web!.row();
    expect(row).toMatchObject({
      Names: [`/${name('web')}`],
      Image: 'busybox',
      ImageID: image,
      Command: 'sleep 1000',
      HostConfig: { NetworkMode: net },
      NetworkSettings: { Networks: { [net]: { NetworkID: networkId } } },
    });
    expect(row.Ports).toEqual(
      expect.arrayContaining([
        { IP: '0.0.0.0', PrivatePort: 8080, PublicPort: 18080, Type: 'tcp' },
        { PrivatePort: 53, Type: 'udp' },
      ]),
    );
    expect(row.Mounts.map(({ Destination }: { Destination: string }) => Destination).sort()).toEqual([
      '/data',
      '/host',
    ]);
    expect((await boxes.failed!.row()).Command).toBe("sh -c 'echo a  b; exit 3'");
    expect((await boxes.created!.row()).Ports).toEqual([]);
  });

  it('shows every change at once', async () => {
    const { api } = suite.daemon;
    await api.post('/images/busybox/tag?repo=psmoving&tag=1');
    const box = await Box.create(suite.daemon, SLEEP, { Image: 'psmoving:1', HostConfig: { NetworkMode: 'bridge' } });
    const linking = await Box.create(suite.daemon, SLEEP, {
      HostConfig: { NetworkMode: 'bridge', Links: [`${box.name}:alias`] },
    });
    const moved = { Container: box.id, EndpointConfig: { Aliases: ['other'] } };
    const filters = encodeURIComponent(JSON.stringify({ id: [box.id] }));
    // What has sizes is made anew each time; the text of the status may come of another second.
    const row = async (version: string, query = ''): Promise<any> => {
      const [found] = (await api.get(`${version}/containers/json?all=1&filters=${filters}${query}`)).json;
      return { ...found, SizeRw: undefined, SizeRootFs: undefined, Status: undefined };
    };
    const inspect = async (query = ''): Promise<any> => {
      const { json } = await api.get(`/containers/${box.id}/json${query}`);
      return { ...json, SizeRw: undefined, SizeRootFs: undefined };
    };
    const changes: [string, () => Promise<unknown>, object][] = [
      ['created', async () => {}, { State: 'created', Image: 'psmoving:1' }],
      ['start', () => box.ok('start'), { State: 'running' }],
      ['exec', () => suite.daemon.ok('exec', box.id, 'true'), { State: 'running' }],
      ['rename', () => box.ok(`rename?name=${box.name}-new`), {}],
      ['rename of a link', () => linking.ok(`rename?name=${linking.name}-new`), {}],
      ['update', () => box.ok('update', { RestartPolicy: { Name: 'always' } }), {}],
      ['pause', () => box.ok('pause'), { State: 'paused' }],
      ['unpause', () => box.ok('unpause'), { State: 'running' }],
      ['connect', () => api.post(`/networks/${networkId}/connect`, moved), {}],
      ['disconnect', () => api.post('/networks/bridge/disconnect', { Container: box.id }), {}],
      ['a tag less', () => api.delete('/images/psmoving:1'), { Image: image }],
      ['restart', () => box.ok('restart?t=0'), { State: 'running' }],
      ['stop', () => box.ok('stop?t=0'), { State: 'exited' }],
      ['a link less', () => linking.remove(), {}],
    ];
    let before = '';
    for (const [change, make, expected] of changes) {
      await make();
      const now = await row('');
      expect(now, change).toMatchObject(expected);
      expect(now, change).toEqual(await row('', '&size=1'));
      expect(await row('/v1.44'), change).toEqual(await row('/v1.44', '&size=1'));
      expect(await inspect(), change).toEqual(await inspect('?size=1'));
      if (!['exec', 'update', 'restart'].includes(change)) expect(JSON.stringify(now), change).not.toBe(before);
      before = JSON.stringify(await row(''));
    }
    await box.remove();
  });

  it('tells sizes when asked', async () => {
    const box = await Box.run(suite.daemon, ['sh', '-c', 'head -c 200000 /dev/zero >/file']);
    await box.ok('wait');
    const filters = encodeURIComponent(JSON.stringify({ id: [box.id] }));
    const row = async (query: string): Promise<any> =>
      (await suite.daemon.api.get(`/containers/json?all=1&filters=${filters}${query}`)).json[0];
    const sized = await row('&size=1');
    expect(sized.SizeRw).toBeGreaterThanOrEqual(200_000);
    expect(sized.SizeRootFs).toBeGreaterThan(sized.SizeRw);
    expect(await row('')).not.toHaveProperty('SizeRw');
    expect(await suite.daemon.ok('ps', '-as', '--filter', `id=${box.id}`, '--format', '{{.Size}}')).toMatch(
      /^20\dkB \(virtual [\d.]+MB\)$/,
    );
    await box.remove();
  });
});

it('lists the same in the disk usage', async () => {
  const { api } = suite.daemon;
  const filters = encodeURIComponent(JSON.stringify({ label: [MINE] }));
  const fields = ({ Id, Names, Image, Command, Ports, State, Status }: any) => {
    // The times in it go on between the two requests.
    return {
      Id,
      Names,
      Image,
      Command,
      Ports,
      State,
      Status: Status.replace(/(?:Less than a|About an?|\d+) (?=second|minute)\w+/, '…'),
    };
  };
  const { json: listed } = await api.get(`/v1.45/containers/json?all=1&filters=${filters}`);
  const { json: usage } = await api.get('/v1.45/system/df');
  const own = usage.Containers.filter(({ Labels }: any) => MINE in Labels);
  expect(own.map(fields)).toEqual(listed.map(fields));
  for (const field of ['Health', 'ImageManifestDescriptor']) expect(own[0]).not.toHaveProperty(field);
});
