import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeEngineServer, startFakeEngineServer } from '../../../test/support/fake-engine-server.js';
import { invalid } from '../../shared/errors.js';
import { SYSTEM_ROUTES } from '../routes/system.js';
import { json, jsonOf, text } from './reply.js';
import type { RouteDefinition } from './route.js';

let release: () => void;
const slow: RouteDefinition = {
  method: 'GET',
  path: '/slow',
  since: '1.24',
  cancelled: 'detached',
  handler: async () => {
    await new Promise<void>((resolve) => (release = resolve));
    return text('slow', 'text/plain');
  },
};

/** Its answer is in memory, as long as it is not asked for what isn't, or for what is wrong. */
const quick: RouteDefinition = {
  method: 'GET',
  path: '/quick/{word}',
  since: '1.24',
  cancelled: 'detached',
  responseGates: [{ path: 'New', since: '1.50' }],
  quickReply: ({ params, query, version }) => {
    if (query.bool('wait')) return null;
    if (query.bool('fail')) throw invalid('bad word');
    return json({ Word: params.word, New: version[1] });
  },
  handler: async ({ params, query, version }) => {
    if (query.bool('fail')) throw invalid('bad word');
    return json({ Word: params.word, New: version[1] });
  },
};

/** The JSON of what is never changed, and how often it was made. */
let subject = { word: 'one' };
let made = 0;
const ofSubject: RouteDefinition['quickReply'] = () => {
  const { word } = subject;
  return jsonOf(subject, () => ({ Word: word, New: ++made }));
};
const kept: RouteDefinition = {
  method: 'GET',
  path: '/kept',
  since: '1.24',
  cancelled: 'detached',
  responseGates: [{ path: 'New', since: '1.50' }],
  quickReply: ofSubject,
  handler: ofSubject,
};

const long: RouteDefinition = {
  method: 'GET',
  path: '/long',
  since: '1.24',
  cancelled: 'detached',
  quickReply: () => text('x'.repeat(400_000), 'application/json'),
  handler: () => text('x'.repeat(400_000), 'application/json'),
};

/** How many requests went the ordinary way, through Node's response. */
let ordinary: number;
const count = (): void => void ordinary++;

let server: FakeEngineServer;
let client: Socket;
let received: string;

beforeEach(async () => {
  ordinary = 0;
  received = '';
  subscribe('http.server.request.start', count);
  server = await startFakeEngineServer([...SYSTEM_ROUTES, slow, quick, kept, { ...kept, path: '/other' }, long], {});
  client = connect({ path: server.socketPath, allowHalfOpen: true });
  client.on('data', (data: Buffer) => (received += data.toString('latin1')));
});

afterEach(async () => {
  client.destroy();
  unsubscribe('http.server.request.start', count);
  await server[Symbol.asyncDispose]();
});

const request = (method: string, path: string, headers = '', version = '1.1'): string =>
  `${method} ${path} HTTP/${version}\r\nHost: d\r\n${headers}\r\n`;

/** Sends it and takes what has come, without the time of day, once it ends so. */
async function answers(bytes: string, end: string): Promise<string> {
  client.write(bytes);
  while (!received.endsWith(end)) await once(client, 'data');
  const taken = received.replace(/Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT/g, 'Date: now');
  received = '';
  return taken;
}

describe('a fixed reply', () => {
  it.each([
    ['GET', '/_ping', '\r\n\r\nOK'],
    ['GET', '/v1.24/_ping?x=1', '\r\n\r\nOK'],
    ['HEAD', '/v1.55/_ping', '\r\n\r\n'],
  ])('to %s %s is what the ordinary way gives', async (method, path, end) => {
    const quick = await answers(request(method, path), end);
    expect(quick).toContain('Docker-Experimental: false\r\n');
    expect(quick).toContain('Date: now\r\nConnection: keep-alive\r\n\r\n');
    expect(await answers(request(method, path, 'User-Agent: x\r\nConnection: Keep-Alive\r\n'), end)).toBe(quick);
    expect(ordinary).toBe(0);
    // An announced body, though it is empty, is special enough.
    expect(await answers(request(method, path, 'Content-Length: 0\r\n'), end)).toBe(quick);
    expect(ordinary).toBe(1);
  });

  it.each([
    ['a body', request('GET', '/_ping', 'Content-Length: 5\r\n') + 'hello', 200],
    ['a chunked body', request('GET', '/_ping', 'Transfer-Encoding: chunked\r\n') + '2\r\nab\r\n0\r\n\r\n', 200],
    ['an upgrade', request('GET', '/_ping', 'Connection: Upgrade\r\nUpgrade: tcp\r\n'), 200],
    ['an end of the connection', request('GET', '/_ping', 'Connection: close\r\n'), 200],
    ['HTTP/1.0', request('GET', '/_ping', '', '1.0'), 200],
    ['HTTP/1.0 and a kept connection', request('GET', '/_ping', 'Connection: keep-alive\r\n', '1.0'), 200],
    ['no host', 'GET /_ping HTTP/1.1\r\n\r\n', 400],
    ['an expectation', request('GET', '/_ping', 'Expect: 100-continue\r\n'), 100],
    ['an old version', request('GET', '/v1.23/_ping'), 400],
    ['a new version', request('GET', '/v1.56/_ping'), 400],
    ['another path', request('GET', '/_pong'), 404],
  ])('is not for a request with %s', async (_what, bytes, status) => {
    client.write(bytes);
    while (!received.includes('\r\n')) await once(client, 'data');
    expect(received).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(ordinary).toBe(1);
  });

  it('waits for the answers before it', async () => {
    client.write(request('GET', '/slow') + request('GET', '/_ping') + request('GET', '/_ping'));
    await expect.poll(() => ordinary, { timeout: 30_000 }).toBe(3);
    release();
    while (!received.endsWith('OK')) await once(client, 'data');
    expect(received.match(/\r\n\r\n(slow|OK)/g)).toEqual(['\r\n\r\nslow', '\r\n\r\nOK', '\r\n\r\nOK']);
    // And is quick again after them.
    await answers(request('GET', '/_ping'), 'OK');
    expect(ordinary).toBe(3);
  });

  it('is left to Node for a client that reads none', async () => {
    client.pause();
    const pings = 5_000;
    client.write(request('GET', '/_ping').repeat(pings));
    await expect.poll(() => ordinary, { timeout: 30_000 }).toBeGreaterThan(0);
    client.resume();
    await expect.poll(() => received.match(/\r\n\r\nOK/g)?.length, { timeout: 30_000 }).toBe(pings);
  });
});

describe('a quick reply', () => {
  it.each([
    ['/quick/w', '{"Word":"w","New":55}\n'],
    ['/v1.49/quick/w?x=1', '{"Word":"w"}\n'],
    ['/quick/%C3%BC', Buffer.from('{"Word":"ü","New":55}\n').toString('latin1')],
    ['/quick/%E2%82%AC', Buffer.from('{"Word":"€","New":55}\n').toString('latin1')],
  ])('to %s is what the ordinary way gives', async (path, body) => {
    const bytes = await answers(request('GET', path), '}\n');
    expect(bytes).toMatch(/^HTTP\/1.1 200 OK\r\nApi-Version: /);
    expect(bytes.endsWith(`\r\n\r\n${body}`)).toBe(true);
    expect(bytes).toContain(`Content-Length: ${body.length}\r\nDate: now\r\nConnection: keep-alive\r\n`);
    expect(ordinary).toBe(0);
    expect(await answers(request('GET', path, 'Content-Length: 0\r\n'), '}\n')).toBe(bytes);
    expect(ordinary).toBe(1);
  });

  it("is the handler's where more is needed", async () => {
    const bytes = await answers(request('GET', '/quick/w'), '}\n');
    expect(await answers(request('GET', '/quick/w?wait=1'), '}\n')).toBe(bytes);
    expect(ordinary).toBe(1);
  });

  it('leaves errors to the handler', async () => {
    const bytes = await answers(request('GET', '/quick/w?fail=1'), '}\n');
    expect(bytes).toMatch(/^HTTP\/1.1 400 [^]*{"message":"bad word"}\n$/);
    expect(ordinary).toBe(1);
  });

  it('of an object is made once, for each version, route and object', async () => {
    const word = async (path: string, headers = ''): Promise<string | undefined> =>
      /\r\n\r\n(.*)\n$/.exec(await answers(request('GET', path, headers), '}\n'))?.[1];
    expect(await word('/kept')).toBe('{"Word":"one","New":1}');
    expect(await word('/kept')).toBe('{"Word":"one","New":1}');
    expect(await word('/kept', 'Content-Length: 0\r\n')).toBe('{"Word":"one","New":1}');
    expect(await word('/v1.49/kept')).toBe('{"Word":"one"}');
    expect(await word('/kept')).toBe('{"Word":"one","New":3}');
    expect(await word('/other')).toBe('{"Word":"one","New":4}');
    subject = { word: 'two' };
    expect(await word('/other')).toBe('{"Word":"two","New":5}');
  });

  it('of any length arrives whole and in its place at a client that reads late', async () => {
    client.pause();
    client.write(request('GET', '/long').repeat(5) + request('GET', '/quick/w'));
    await expect.poll(() => ordinary, { timeout: 30_000 }).toBeGreaterThan(0);
    client.resume();
    await expect.poll(() => received.endsWith('\r\n\r\n{"Word":"w","New":55}\n'), { timeout: 30_000 }).toBe(true);
    expect(received.match(/x{400000}/g)).toHaveLength(5);
    expect(received.match(/HTTP\/1.1 200 OK/g)).toHaveLength(6);
  });
});
