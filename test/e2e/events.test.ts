import { beforeAll, describe, expect, it } from 'vitest';
import { Box } from '../support/box.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();
const own = `ev${process.pid}`;

interface Event {
  status?: string;
  id?: string;
  from?: string;
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  scope: string;
  time: number;
  timeNano: number;
}

const parse = (text: string): Event[] =>
  text
    .split(/[\n\x1e]/)
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Event);
const told = (events: Event[]): string[] => events.map(({ Type, Action }) => `${Type} ${Action}`);
/** Seconds since the epoch as the parameters take them. */
const seconds = (ms = Date.now()): string => (ms / 1000).toFixed(3);

let since = '';
let until = '';
let box: Box;
let networkId = '';
let imageId = '';
let all: Event[];

async function ask(query: Record<string, string>, version = 'v1.51'): Promise<Event[]> {
  const { status, text } = await suite.daemon.api.get(`/${version}/events?${new URLSearchParams(query).toString()}`);
  if (status !== 200) throw new Error(text);
  return parse(text);
}

const filtered = (filters: object): Promise<Event[]> => ask({ since, until, filters: JSON.stringify(filters) });

beforeAll(async () => {
  const { daemon } = suite;
  since = seconds();
  networkId = (await daemon.api.post('/networks/create', { Name: `${own}net` })).json.Id;
  await daemon.api.post('/volumes/create', { Name: `${own}vol` });
  imageId = (await daemon.api.get('/images/busybox/json')).json.Id;
  box = await Box.create(daemon, ['sleep', '1000'], {
    Labels: { [own]: 'yes', empty: '' },
    HostConfig: { NetworkMode: `${own}net`, Binds: [`${own}vol:/data`] },
  });
  await box.ok('start');
  await box.ok('pause');
  await box.ok('unpause');
  const { Id } = await box.ok('exec', { Cmd: ['true'] });
  await daemon.api.post(`/exec/${Id}/start`, { Detach: true });
  await poll('the end of the exec', async () => (await daemon.api.get(`/exec/${Id}/json`)).json.ExitCode === 0);
  await box.ok('kill?signal=CONT');
  await box.remove('force=1');
  await daemon.api.delete(`/volumes/${own}vol`);
  await daemon.api.delete(`/networks/${networkId}`);
  await daemon.api.post(`/images/busybox/tag?repo=${own}img&tag=1`);
  await daemon.api.delete(`/images/${own}img:1`);
  await daemon.api.post(`/containers/prune?filters=${encodeURIComponent(`{"label":["${own}-none"]}`)}`);
  until = seconds(Date.now() + 2);
  await poll('that time to be past', () => Date.now() / 1000 > Number(until));
  all = await ask({ since, until });
});

describe('events', () => {
  it('come in order, with what dockerd tells of each', () => {
    const container = [
      'container create',
      'container start',
      'container pause',
      'container unpause',
      'container exec_create: true ',
      'container exec_start: true ',
      'container exec_die',
      'container kill',
      'container kill',
      'container die',
      'container destroy',
    ];
    expect(told(all.filter(({ Actor }) => Actor.ID === box.id))).toEqual(container);
    expect(told(all.filter(({ Type }) => Type === 'volume'))).toEqual([
      'volume create',
      'volume mount',
      'volume unmount',
      'volume destroy',
    ]);
    expect(told(all.filter(({ Type }) => Type === 'network'))).toEqual([
      'network create',
      'network connect',
      'network disconnect',
      'network destroy',
    ]);
    expect(told(all.filter(({ Type }) => Type === 'image'))).toEqual(['image tag', 'image untag']);
    expect(told(all.slice(-1))).toEqual(['container prune']);
    const times = all.map(({ timeNano }) => timeNano);
    expect([...times].sort((a, b) => a - b)).toEqual(times);
    for (const { scope, time, timeNano } of all) {
      expect(scope).toBe('local');
      expect(time).toBe(Math.floor(timeNano / 1e9));
    }
  });

  it('have the attributes of their actors', () => {
    const of = (type: string, action: string): Event['Actor'] =>
      all.find(({ Type, Action }) => Type === type && Action === action)!.Actor;
    const labels = { [own]: 'yes', empty: '', image: 'busybox', name: box.name };
    expect(of('container', 'create')).toEqual({ ID: box.id, Attributes: labels });
    expect(of('container', 'kill')).toEqual({ ID: box.id, Attributes: { ...labels, signal: '18' } });
    expect(of('container', 'die')).toEqual({
      ID: box.id,
      Attributes: { ...labels, exitCode: '137', execDuration: expect.stringMatching(/^\d+$/) },
    });
    expect(of('container', 'exec_die')).toEqual({
      ID: box.id,
      Attributes: { ...labels, exitCode: '0', execID: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(of('container', 'prune')).toEqual({ ID: '', Attributes: { reclaimed: '0' } });
    expect(of('network', 'connect')).toEqual({
      ID: networkId,
      Attributes: { container: box.id, name: `${own}net`, type: 'bridge' },
    });
    expect(of('volume', 'mount')).toEqual({
      ID: `${own}vol`,
      Attributes: { container: box.id, destination: '/data', driver: 'local', propagation: '', 'read/write': 'true' },
    });
    expect(of('image', 'tag')).toEqual({ ID: imageId, Attributes: { name: `${own}img:1` } });
    expect(of('image', 'untag')).toEqual({ ID: imageId, Attributes: { name: imageId } });
  });

  it('have the fields that clients before 1.52 read', async () => {
    const start = all.find(({ Action }) => Action === 'start');
    expect(start).toMatchObject({ status: 'start', id: box.id, from: 'busybox' });
    expect(all.find(({ Action }) => Action === 'tag')).toMatchObject({ status: 'tag', id: imageId });
    expect(all.find(({ Type }) => Type === 'network')).not.toHaveProperty('status');
    if (suite.daemon.reference) return;
    const later = (await ask({ since, until }, 'v1.52')).find(({ Action }) => Action === 'start');
    expect(Object.keys(later!)).toEqual(['Type', 'Action', 'Actor', 'scope', 'time', 'timeNano']);
  });

  const containerOnly = (): string[] => told(all.filter(({ Actor }) => Actor.ID === box.id));
  const typed = (type: string) => (): string[] => told(all.filter(({ Type }) => Type === type));
  const acted =
    (...actions: string[]) =>
    (): string[] =>
      told(all.filter(({ Action }) => actions.some((action) => Action === action || Action.startsWith(`${action}:`))));

  it.each<[string, () => object, () => string[]]>([
    ['type', () => ({ type: ['volume'] }), typed('volume')],
    [
      'several types',
      () => ({ type: ['image', 'network'] }),
      () => told(all.filter(({ Type }) => ['image', 'network'].includes(Type))),
    ],
    ['a type that nobody has', () => ({ type: ['secret'] }), () => []],
    ['event', () => ({ event: ['start', 'die'] }), acted('start', 'die')],
    ['event without its detail', () => ({ event: ['exec_create'] }), acted('exec_create')],
    ['event with its detail', () => ({ event: ['exec_create: true '] }), acted('exec_create')],
    ['container by id', () => ({ container: [box.id] }), containerOnly],
    ['container by short id', () => ({ container: [box.id.slice(0, 12)] }), containerOnly],
    ['container by name', () => ({ container: [box.name] }), containerOnly],
    ['keys together', () => ({ container: [box.name], event: ['die'] }), acted('die')],
    ['the form of old clients', () => ({ event: { die: true } }), acted('die')],
    ['label', () => ({ label: [own] }), containerOnly],
    ['label and value', () => ({ label: [`${own}=yes`, 'empty='] }), containerOnly],
    ['a label with another value', () => ({ label: [`${own}=no`] }), () => []],
    ['network', () => ({ network: [`${own}net`] }), typed('network')],
    ['volume', () => ({ volume: [`${own}vol`] }), typed('volume')],
    ['image', () => ({ image: [`${own}img`] }), acted('tag')],
    ['image and tag', () => ({ image: [`${own}img:1`] }), acted('tag')],
    ['image of containers', () => ({ image: ['busybox'], type: ['container'] }), containerOnly],
    ['scope', () => ({ scope: ['swarm'] }), () => []],
    ['daemon', () => ({ daemon: ['no-such-daemon'] }), () => []],
    ['plugin', () => ({ plugin: ['nope'] }), () => []],
    ['something unknown', () => ({ nope: ['x'] }), () => told(all)],
    ['nothing', () => ({ event: [] }), () => told(all)],
  ])('are filtered by %s', async (_, filters, expected) => {
    expect(told(await filtered(filters()))).toEqual(expected());
  });

  it('are replayed from a time and up to a time, in all forms', async () => {
    const die = all.findIndex(({ Action }) => Action === 'die');
    const ns = (await suite.daemon.api.get(`/v1.51/events?since=${since}&until=${until}`)).text
      .split('\n')
      .map((line) => /"timeNano":(\d+)/.exec(line)?.[1] ?? '');
    const stamp = (text: string): string => `${text.slice(0, -9)}.${text.slice(-9)}`;
    expect(told(await ask({ since: stamp(ns[die]!), until }))).toEqual(told(all.slice(die)));
    expect(told(await ask({ since, until: stamp(ns[die]!) }))).toEqual(told(all.slice(0, die + 1)));
    // The client turns dates into seconds itself, and dockerd takes nothing else.
    const iso = new Date(Number(since) * 1000).toISOString();
    if (!suite.daemon.reference) expect(told(await ask({ since: iso, until }))).toEqual(told(all));
    const hour = suite.daemon.reference ? [] : await ask({ since: '1h', until });
    if (!suite.daemon.reference) expect(told(hour).slice(-all.length)).toEqual(told(all));
    expect(await ask({ since: until, until })).toEqual([]);
    // Without since, there is nothing to replay before a time that is past.
    expect(told(await ask({ until })).slice(-all.length)).toEqual(told(all));
  });

  it.each([
    ['since=nonsense', /nonsense/],
    ['until=nonsense', /nonsense/],
    ['since=2&until=1', '`since` time (2) cannot be after `until` time (1)'],
    ['until=1&filters=nonsense', 'invalid filter'],
    ['until=1&filters=[]', 'invalid filter'],
  ])('are refused for %s', async (query, message) => {
    const reply = await suite.daemon.api.get(`/v1.51/events?${query}`);
    // dockerd says 500 to some of what is the client's fault.
    expect(suite.daemon.reference ? [400, 500] : [400]).toContain(reply.status);
    expect(reply.json.message).toMatch(message);
  });

  it('are told live, and the headers before the first of them', async () => {
    const { daemon } = suite;
    const filters = encodeURIComponent(`{"label":["${own}=live"]}`);
    const stream = await daemon.api.open('GET', `/v1.51/events?filters=${filters}`);
    expect(stream.statusCode).toBe(200);
    let text = '';
    stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
    stream.on('error', () => undefined);
    const live = await Box.create(daemon, ['true'], { Labels: { [own]: 'live' } });
    await live.remove();
    await poll('both events', () => parse(text).length === 2);
    expect(told(parse(text))).toEqual(['container create', 'container destroy']);
    stream.destroy();
  });

  it('are told by the client', async () => {
    const lines = await suite.daemon.ok(
      'events',
      ...['--since', since, '--until', until, '--filter', `container=${box.name}`],
      ...['--format', '{{.Type}} {{.Action}} {{.Actor.Attributes.signal}}'],
    );
    expect(lines.split('\n').filter((line) => line.includes('kill'))).toEqual([
      'container kill 18',
      'container kill 9',
    ]);
  });

  it.skipIf(process.env['WHARF_TEST_TARGET']).each([
    ['v1.51', undefined, 'application/json', '{'],
    ['v1.51', 'application/json-seq', 'application/json', '{'],
    ['v1.52', undefined, 'application/jsonl', '{'],
    ['v1.52', '*/*', 'application/jsonl', '{'],
    ['v1.52', 'application/json', 'application/jsonl', '{'],
    ['v1.52', 'application/x-ndjson', 'application/x-ndjson', '{'],
    ['v1.52', 'text/plain, application/json-seq;q=0.5', 'application/json-seq', '\x1e{'],
    ['v1.55', 'application/jsonl', 'application/jsonl', '{'],
  ])('for %s and Accept: %s are %s', async (version, accept, type, beginning) => {
    const path = `/${version}/events?since=${since}&until=${until}`;
    const headers: Record<string, string> = accept === undefined ? {} : { Accept: accept };
    const reply = await suite.daemon.api.call('GET', path, undefined, headers);
    expect(reply.headers['content-type']).toBe(type);
    expect(reply.text.startsWith(beginning)).toBe(true);
    expect(told(parse(reply.text))).toEqual(told(all));
  });

  it.skipIf(process.env['WHARF_TEST_TARGET'])('tell a reload of the configuration', async () => {
    const { daemon } = suite;
    const from = seconds();
    process.kill(daemon.pid, 'SIGHUP');
    const reloads = (): Promise<Event[]> =>
      ask({ since: from, until: seconds(), filters: '{"type":["daemon"],"event":["reload"]}' });
    const [reload] = await poll('the reload', async () => {
      const events = await reloads();
      return events.length > 0 ? events : null;
    });
    expect(reload!.Actor.Attributes).toMatchObject({
      name: expect.any(String),
      debug: expect.any(String),
      'max-concurrent-downloads': '3',
      'max-concurrent-uploads': '5',
    });
    const { ID } = (await daemon.api.get('/info')).json;
    expect(reload!.Actor.ID).toBe(ID);
    const byName = JSON.stringify({ daemon: [reload!.Actor.Attributes.name] });
    expect((await ask({ since: from, until: seconds(), filters: byName })).length).toBeGreaterThan(0);
  });

  it.skipIf(process.env['WHARF_TEST_TARGET'])('tell late of an exit that no daemon saw, and when it was', async () => {
    const { daemon } = suite;
    const late = await Box.run(daemon, ['sleep', '1000']);
    const { Pid } = await late.state();
    await daemon.down('SIGKILL');
    process.kill(Pid, 'SIGKILL');
    await daemon.up();
    const { FinishedAt, ExitCode } = await late.state();
    expect(ExitCode).toBe(137);
    const events = await ask({ since: '1h', until: seconds(), filters: `{"container":["${late.id}"]}` });
    expect(told(events)).toEqual(['container die']);
    expect(events[0]!.Actor.Attributes).toMatchObject({ exitCode: '137', finishedAt: FinishedAt });
    await late.remove();
  });
});
