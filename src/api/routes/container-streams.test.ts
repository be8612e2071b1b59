import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { WebSocket } from 'ws';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeEngineServer, startFakeEngineServer } from '../../../test/support/fake-engine-server.js';
import { containerFromInspect, recording } from '../../../test/support/recorded-container.js';
import type { AttachOptions, LogsOptions } from '../../engine/containers/container-service.js';
import { notFound } from '../../shared/errors.js';
import { ATTACH_WEBSOCKET_ROUTES } from './attach-websocket.js';
import { CONTAINER_STREAM_ROUTES } from './container-streams.js';

const container = containerFromInspect(recording('inspect-cli-v1.51.json'));
let api: FakeEngineServer;
let attached: AttachOptions[];
let logged: LogsOptions[];
let isTty: boolean;
let isDone: boolean;
let isBroken: boolean;

function frame(payload: string): Buffer {
  const header = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(Buffer.byteLength(payload), 4);
  return Buffer.concat([header, Buffer.from(payload)]);
}

/** Greets, echoes what the client types until its end, says goodbye. */
async function converse(client: Duplex): Promise<void> {
  if (isBroken) throw new Error('broken');
  const say = (line: string): unknown => client.write(isTty ? line : frame(line));
  say('hello ');
  client.on('data', (chunk) => say(`<${String(chunk)}>`));
  await once(client, 'end');
  client.end(isTty ? 'bye' : frame('bye'));
  isDone = true;
}

beforeEach(async () => {
  attached = [];
  logged = [];
  isTty = false;
  isDone = false;
  isBroken = false;
  const known = (ref: string): void => {
    if (ref === 'no') throw notFound(`No such container: ${ref}`);
  };
  api = await startFakeEngineServer([...CONTAINER_STREAM_ROUTES, ...ATTACH_WEBSOCKET_ROUTES], {
    containers: {
      inspect: (ref) => {
        known(ref);
        return container;
      },
      attach: async (ref, options) => {
        known(ref);
        attached.push(options);
        return { tty: isTty, run: converse };
      },
      logs: async (ref, options) => {
        known(ref);
        logged.push(options);
        return { tty: isTty, chunks: chunksOf('one', 'two') };
      },
      stats: (_ref, { stream }) => samples(stream ? 2 : 1),
    },
  });
});

afterEach(() => api[Symbol.asyncDispose]());

async function* chunksOf(...chunks: string[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

async function* samples(count: number): AsyncGenerator<object> {
  for (let read = 0; read < count; read++) yield { read };
}

/** A raw connection with a request on it. */
function dial(path: string, headers: string[] = []): Socket {
  const socket = connect({ path: api.socketPath, allowHalfOpen: true });
  socket.write([`POST ${path} HTTP/1.1`, 'Host: docker', ...headers, '', ''].join('\r\n'));
  return socket;
}

const UPGRADE = ['Connection: Upgrade', 'Upgrade: tcp'];

describe('attach', () => {
  it('upgrades, passes input on until half-close, and ends', async () => {
    const socket = dial('/v1.42/containers/c/attach?stream=1&stdin=1&stdout=1&logs=1&detachKeys=ctrl-a', UPGRADE);
    socket.end('typed');
    const reply = await text(socket);
    const [head, body] = reply.split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1.1 101 UPGRADED\r\n/);
    expect(head).toContain('Content-Type: application/vnd.docker.multiplexed-stream');
    expect(body).toBe(`${String(frame('hello '))}${String(frame('<typed>'))}${String(frame('bye'))}`);
    expect(attached).toEqual([
      { stdin: true, stdout: true, stderr: false, logs: true, stream: true, detachKeys: 'ctrl-a' },
    ]);
  });

  it.each([
    ['/v1.41/containers/c/attach', false],
    ['/v1.42/containers/c/attach', true],
  ])('names the raw stream for %s, tty %s', async (path, tty) => {
    isTty = tty;
    const socket = dial(path, UPGRADE);
    socket.end();
    expect(await text(socket)).toContain('Content-Type: application/vnd.docker.raw-stream');
  });

  it('answers a plain 200 without chunks to a client that does not upgrade', async () => {
    isTty = true;
    const socket = dial('/containers/c/attach?stream=1&stdin=1');
    socket.end('typed');
    const [head, body] = (await text(socket)).split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1.1 200 OK/);
    expect(head?.toLowerCase()).not.toMatch(/transfer-encoding|content-length/);
    expect(body).toBe('hello <typed>bye');
  });

  it.each([
    ['/containers/no/attach', 404, 'No such container: no\r\n'],
    ['/containers/no/attach?detachKeys=foo', 400, 'Invalid detach keys (foo) provided\r\n'],
  ])('answers %s with %d in plain text', async (path, status, body) => {
    expect(await api.call('POST', path, { headers: { Connection: 'Upgrade', Upgrade: 'tcp' } })).toMatchObject({
      status,
      body,
    });
  });
});

it('cuts the connection when a session fails, and goes on serving', async () => {
  isBroken = true;
  const socket = dial('/containers/c/attach?stream=1', UPGRADE);
  socket.on('error', () => undefined);
  await once(socket.resume(), 'end');
  socket.destroy();
  expect((await api.call('GET', '/containers/c/stats?stream=0')).status).toBe(200);
});

describe('attach/ws', () => {
  const dialWs = (path: string): WebSocket => new WebSocket(`ws+unix:${api.socketPath}:${path}`);

  async function talk(socket: WebSocket): Promise<{ message: string; binary: boolean }[]> {
    const messages: { message: string; binary: boolean }[] = [];
    socket.on('message', (data: Buffer, binary) => messages.push({ message: String(data), binary }));
    await once(socket, 'open');
    socket.send('typed');
    await expect.poll(() => messages.length).toBe(2);
    socket.close();
    await once(socket, 'close');
    await expect.poll(() => isDone).toBe(true);
    return messages;
  }

  it('sends binary frames without mux headers', async () => {
    const messages = await talk(dialWs('/v1.42/containers/c/attach/ws?stream=1&stdin=1&stdout=1'));
    expect(messages).toEqual([
      { message: 'hello ', binary: true },
      { message: '<typed>', binary: true },
    ]);
    expect(attached[0]).toMatchObject({ stdin: true, stdout: true, stderr: false, stream: true });
  });

  it('sends text frames below 1.28, and all streams below 1.42', async () => {
    isTty = true;
    const messages = await talk(dialWs('/v1.27/containers/c/attach/ws?stream=1'));
    expect(messages).toEqual([
      { message: 'hello ', binary: false },
      { message: '<typed>', binary: false },
    ]);
    expect(attached[0]).toMatchObject({ stdin: true, stdout: true, stderr: true });
  });

  it('refuses unknown containers, bad detach keys and plain HTTP', async () => {
    const [error] = (await once(dialWs('/containers/no/attach/ws'), 'error')) as [Error];
    expect(error.message).toContain('404');
    expect((await api.call('GET', '/containers/c/attach/ws?detachKeys=foo')).status).toBe(400);
    expect(await api.call('GET', '/containers/c/attach/ws')).toMatchObject({
      status: 400,
      body: 'not websocket protocol',
    });
    expect(attached).toEqual([]);
  });
});

describe('logs', () => {
  it('streams what the engine gives, with the type of the version', async () => {
    const reply = await api.call('GET', '/v1.42/containers/c/logs?stdout=1&tail=5&timestamps=1&since=1.5&until=0');
    expect(reply).toMatchObject({ status: 200, body: 'onetwo' });
    expect(reply.headers['content-type']).toBe('application/vnd.docker.multiplexed-stream');
    expect(logged[0]).toEqual({
      follow: false,
      stdout: true,
      stderr: false,
      sinceNs: 1_500_000_000n,
      untilNs: null,
      timestamps: true,
      tail: 5,
      details: false,
      joined: false,
    });
    const older = await api.call('GET', '/v1.41/containers/c/logs?stderr=1&tail=abc');
    expect(older.headers['content-type']).toBe('application/vnd.docker.raw-stream');
    expect(logged[1]?.tail).toBe('all');
  });

  it.each([
    ['/containers/c/logs', 400, 'Bad parameters: you must choose at least one stream'],
    ['/containers/no/logs?stdout=1', 404, 'No such container: no'],
  ])('answers %s with %d', async (path, status, message) => {
    expect(await api.call('GET', path)).toMatchObject({ status, body: { message } });
  });

  it('knows until from 1.35 on', async () => {
    await api.call('GET', '/v1.34/containers/c/logs?stdout=1&until=5');
    await api.call('GET', '/v1.35/containers/c/logs?stdout=1&until=5');
    expect(logged.map(({ untilNs }) => untilNs)).toEqual([null, 5_000_000_000n]);
  });
});

describe('stats', () => {
  it('sends one object or a stream of them, with the operating system from 1.52 on', async () => {
    expect((await api.call('GET', '/v1.51/containers/c/stats?stream=0')).body).toEqual({ read: 0 });
    const lines = await text(await api.open('GET', '/v1.52/containers/c/stats'));
    expect(
      lines
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { os_type: 'linux', read: 0 },
      { os_type: 'linux', read: 1 },
    ]);
  });

  it.each([
    ['/containers/c/stats?one-shot=1', 400, 'cannot have stream=true and one-shot=true'],
    ['/containers/no/stats', 404, 'No such container: no'],
  ])('answers %s with %d', async (path, status, message) => {
    expect(await api.call('GET', path)).toMatchObject({ status, body: { message } });
  });
});
