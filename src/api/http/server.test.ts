import { existsSync, linkSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request as httpRequest } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Type } from 'typebox';
import type { Engine } from '../../engine/engine.js';
import { conflict, notFound, notModified } from '../../shared/errors.js';
import { silentLogger } from '../../shared/logger.js';
import { streamFlushed } from './flushed-stream.js';
import { hijack, MULTIPLEXED_STREAM } from './hijack.js';
import { streamProgress } from './progress.js';
import { empty, json } from './reply.js';
import type { ApiRequest, RouteDefinition } from './route.js';
import type { ApiServer } from './server.js';
import { createApiServer } from './server.js';

const Body = Type.Object(
  { Name: Type.String(), Memory: Type.Optional(Type.Integer()), Labels: Type.Record(Type.String(), Type.String()) },
  { goType: 'CreateOptions' },
);

/** What the routes below saw, for the tests to look at. */
let seen: Record<string, unknown>;
let release: () => void;

const echo = async (request: ApiRequest): Promise<null> => {
  seen.body = await request.optionalJsonBody(Body);
  if (request.params.id === 'nosuch') throw notFound('No such container: nosuch');
  const client = await hijack(request, { contentType: MULTIPLEXED_STREAM });
  client.on('data', (chunk: Buffer) => client.write(chunk));
  client.on('end', () => client.end('[eof]'));
  return null;
};

const routes: RouteDefinition[] = [
  { method: 'GET', path: '/_ping', since: '1.24', cancelled: 'detached', handler: () => json('OK') },
  { method: 'HEAD', path: '/_ping', since: '1.24', cancelled: 'detached', handler: () => json('OK') },
  {
    method: 'GET',
    path: '/images/{name}/json',
    since: '1.24',
    cancelled: 'detached',
    handler: ({ params, version, query }) => json({ ...params, version, q: query.string('q') }),
  },
  {
    method: 'DELETE',
    path: '/images/{name}',
    since: '1.24',
    cancelled: 'detached',
    handler: ({ params }) => json(params),
  },
  { method: 'GET', path: '/configs', since: '1.30', cancelled: 'detached', handler: () => json([]) },
  {
    method: 'POST',
    path: '/volumes/create',
    since: '1.24',
    cancelled: 'detached',
    handler: async (request) => json(await request.jsonBody(Body), 201),
  },
  {
    method: 'POST',
    path: '/containers/{id}/attach',
    since: '1.24',
    cancelled: 'with-client',
    hijacks: true,
    plainErrors: true,
    handler: echo,
  },
  { method: 'POST', path: '/exec/{id}/start', since: '1.24', cancelled: 'with-client', hijacks: true, handler: echo },
  {
    method: 'POST',
    path: '/containers/{id}/start',
    since: '1.24',
    cancelled: 'detached',
    handler: ({ params }) => {
      if (params.id === 'running') throw notModified('');
      if (params.id === 'taken') throw conflict('in use');
      if (params.id === 'broken') throw new Error('oops');
      return empty();
    },
  },
  {
    method: 'POST',
    path: '/images/create',
    since: '1.24',
    cancelled: 'with-client',
    handler: (request) =>
      streamProgress(request, async (progress) => {
        if (request.query.has('missing')) throw notFound('manifest unknown');
        progress({ id: 'a', status: 'Downloading', progressDetail: { current: 32768, total: 1986560 } });
        if (request.query.has('broken')) throw new Error('broken pipe');
        progress({ aux: { ID: 'x' } });
      }),
  },
  {
    method: 'POST',
    path: '/images/load',
    since: '1.24',
    cancelled: 'with-client',
    handler: async (request) => {
      let size = 0;
      try {
        for await (const chunk of request.bodyStream() as AsyncIterable<Buffer>) {
          seen.size = size += chunk.length;
          if (request.query.has('fail')) throw conflict('bad archive'); // leaves the loop, which destroys the stream
        }
      } catch (error) {
        seen.error = error;
        throw error;
      }
      return json({ size });
    },
  },
  {
    method: 'GET',
    path: '/events',
    since: '1.24',
    cancelled: 'with-client',
    longLived: true,
    handler: (request) =>
      streamFlushed(
        request,
        'application/json',
        (async function* () {
          await new Promise<void>((resolve) => {
            release = resolve;
            request.signal.addEventListener('abort', () => {
              seen.aborted = true;
              resolve();
            });
          });
          yield 'last\n';
        })(),
      ),
  },
];

let dir: string;
let path: string;
let server: ApiServer;

beforeEach(async () => {
  seen = {};
  dir = mkdtempSync(join(tmpdir(), 'wharf-api-'));
  path = join(dir, 'docker.sock');
  server = await createApiServer({
    engine: {} as Engine,
    logger: silentLogger,
    facts: { version: '29.0.0', experimental: false, builderVersion: '1' },
    routes,
  });
  await server.listen(`unix://${path}`, { tls: null, group: '', groupIsDefault: true });
});

afterEach(async () => {
  await server.close(2000);
  rmSync(dir, { recursive: true, force: true });
});

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  text: string;
}

function call(method: string, url: string, body?: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath: path, method, path: url, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

const JSON_TYPE = { 'Content-Type': 'application/json' };

/** A client that speaks raw bytes and remembers what it got. */
class RawClient {
  text = '';
  ended = false;
  readonly socket: Socket = connect({ path, allowHalfOpen: true });

  constructor() {
    this.socket.setEncoding('latin1');
    this.socket.on('data', (chunk: string) => (this.text += chunk));
    this.socket.on('end', () => (this.ended = true));
  }

  async until(condition: (text: string) => boolean): Promise<void> {
    await expect.poll(() => condition(this.text), { timeout: 5000 }).toBe(true);
  }
}

describe('routing', () => {
  it('serves with and without a version prefix, with dockerd headers', async () => {
    const answer = await call('GET', '/v1.30/_ping');
    expect(answer).toMatchObject({ status: 200, text: '"OK"\n' });
    expect(answer.headers).toMatchObject({
      'api-version': '1.55',
      ostype: 'linux',
      'docker-experimental': 'false',
      server: 'Docker/29.0.0 (linux)',
      'content-type': 'application/json',
    });
    expect((await call('GET', '/_ping')).text).toBe('"OK"\n');
    expect(await call('HEAD', '/_ping')).toMatchObject({ status: 200, text: '' });
  });

  it('takes names with slashes', async () => {
    const one = await call('GET', '/v1.41/images/reg:5000/a/b:tag/json?q=a+b');
    expect(JSON.parse(one.text)).toEqual({ name: 'reg:5000/a/b:tag', version: [1, 41], q: 'a b' });
    expect(JSON.parse((await call('GET', '/images/reg%3A5000%2Fa/json')).text).name).toBe('reg:5000/a');
    expect(JSON.parse((await call('GET', '/images//foo/json')).text).name).toBe('/foo');
    expect(JSON.parse((await call('DELETE', '/images/a/json')).text).name).toBe('a/json');
  });

  it('says page not found for unknown paths, methods and versions without the route', async () => {
    for (const [method, url] of [
      ['GET', '/nosuch'],
      ['GET', '/v1.44/nosuch'],
      ['POST', '/_ping'],
      ['HEAD', '/configs'],
      ['GET', '/v1.29/configs'],
      ['GET', '/page-not-found'],
      ['GET', '/images/%zz/json'],
      ['PATCH', '/_ping'],
    ] as const) {
      const answer = await call(method, url);
      expect([url, answer.status]).toEqual([url, 404]);
      if (method !== 'HEAD') expect(answer.text).toBe('{"message":"page not found"}\n');
    }
    expect((await call('GET', '/v1.30/configs')).status).toBe(200);
  });

  it('refuses versions outside its range with the words that clients match', async () => {
    expect(await call('GET', '/v1.99/_ping')).toMatchObject({
      status: 400,
      text: '{"message":"client version 1.99 is too new. Maximum supported API version is 1.55"}\n',
    });
    expect((await call('GET', '/v1.10/configs')).text).toBe(
      'client version 1.10 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version\n',
    );
  });

  it('looks at no content type where no JSON is read', async () => {
    const strange = { 'Content-Type': 'foo bar' };
    expect((await call('POST', '/images/load', '{}', strange)).status).toBe(200);
    expect((await call('POST', '/nope', '{}', strange)).status).toBe(404);
    expect((await call('OPTIONS', '/nope', '{}', strange)).status).toBe(200);
  });

  it('answers OPTIONS on anything', async () => {
    expect(await call('OPTIONS', '/v1.30/whatever')).toMatchObject({ status: 200, text: '' });
    expect(await call('OPTIONS', '*')).toMatchObject({ status: 200, text: '' });
  });
});

describe('bodies', () => {
  const create = (body: string, headers: Record<string, string> = JSON_TYPE): Promise<Answer> =>
    call('POST', '/volumes/create', body, headers);

  it('may be empty, with any content type', async () => {
    for (const headers of [{}, JSON_TYPE, { 'Content-Type': 'text/plain' }]) {
      expect(await create('', headers)).toMatchObject({ status: 201, text: '{"Name":"","Labels":{}}\n' });
    }
    expect((await create('', { 'Transfer-Encoding': 'chunked' })).status).toBe(201);
  });

  it('need the JSON type when there is one', async () => {
    expect(await create('x', { 'Content-Type': 'text/plain' })).toMatchObject({
      status: 400,
      text: `{"message":"unsupported Content-Type header (text/plain): must be 'application/json'"}\n`,
    });
    expect((await create('{}', {})).status).toBe(400);
    expect(await create('{}', { 'Content-Type': 'foo bar' })).toMatchObject({
      status: 400,
      text: '{"message":"malformed Content-Type header (foo bar): mime: expected slash after first token"}\n',
    });
    expect((await create('{}', { 'Content-Type': 'application/json; charset=utf-8' })).status).toBe(201);
  });

  it('are decoded as Go does', async () => {
    const answer = await create('{"name":"a","MEMORY":5,"Labels":{"x":null},"Unknown":[1]}');
    expect(JSON.parse(answer.text)).toEqual({ Name: 'a', Memory: 5, Labels: { x: '' } });
    expect(JSON.parse((await create('{"Name":null,"Memory":null}')).text)).toEqual({ Name: '', Labels: {} });
  });

  it('are refused in dockerd words', async () => {
    const message = async (body: string): Promise<string> => {
      const answer = await create(body);
      expect(answer.status).toBe(400);
      return (JSON.parse(answer.text) as { message: string }).message;
    };
    expect(await message('{invalid json')).toBe(
      "invalid JSON: invalid character 'i' looking for beginning of object key string",
    );
    expect(await message('{} trailing')).toBe('unexpected content after JSON');
    expect(await message('{"Name":5}')).toBe(
      'invalid JSON: json: cannot unmarshal number into Go struct field CreateOptions.Name of type string',
    );
    expect(await message('[]')).toBe('invalid JSON: json: cannot unmarshal array into Go value of type CreateOptions');
    expect(await message(' ')).toBe('invalid JSON: got EOF while reading request body');
    expect(await message(`"${'x'.repeat(17 * 1024 * 1024)}"`)).toBe('http: request body too large');
  });
});

describe('uploads', () => {
  it('arrive whole', async () => {
    expect((await call('POST', '/images/load', 'x'.repeat(3_000_000))).text).toBe('{"size":3000000}\n');
  });

  it('that are given up half-way are answered, and the connection goes on', async () => {
    const client = new RawClient();
    const size = 3_000_000;
    client.socket.write(`POST /images/load?fail=1 HTTP/1.1\r\nHost: d\r\nContent-Length: ${size}\r\n\r\n`);
    client.socket.write('x'.repeat(size));
    await client.until((text) => text.endsWith('{"message":"bad archive"}\n'));
    client.socket.write('GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n');
    await client.until((text) => text.endsWith('"OK"\n'));
    client.socket.destroy();
  });

  it('that the client breaks off are cancelled', async () => {
    const client = new RawClient();
    client.socket.write('POST /images/load HTTP/1.1\r\nHost: d\r\nContent-Length: 1000\r\n\r\nxxx');
    await expect.poll(() => seen.size).toBe(3);
    client.socket.destroy();
    await expect.poll(() => seen.error).toMatchObject({ kind: 'cancelled' });
  });
});

describe('errors', () => {
  it('have a status by kind and a JSON message', async () => {
    expect(await call('POST', '/containers/taken/start')).toMatchObject({
      status: 409,
      text: '{"message":"in use"}\n',
    });
    expect(await call('POST', '/containers/broken/start')).toMatchObject({ status: 500, text: '{"message":"oops"}\n' });
    expect(await call('POST', '/containers/running/start')).toMatchObject({ status: 304, text: '' });
    expect(await call('POST', '/containers/x/start')).toMatchObject({ status: 204, text: '' });
  });
});

describe('progress', () => {
  it('is one JSON line per message, with the drawn bar', async () => {
    const { status, text } = await call('POST', '/images/create');
    expect(status).toBe(200);
    const [first, second] = text
      .trim()
      .split('\r\n')
      .map((line) => JSON.parse(line));
    expect(first).toEqual({
      status: 'Downloading',
      progressDetail: { current: 32768, total: 1986560 },
      progress: `[>${' '.repeat(50)}]  32.77kB/1.987MB`,
      id: 'a',
    });
    expect(second).toEqual({ aux: { ID: 'x' } });
  });

  it('has errors as a status before it began and in-band after', async () => {
    expect(await call('POST', '/images/create?missing=1')).toMatchObject({
      status: 404,
      text: '{"message":"manifest unknown"}\n',
    });
    const { status, text } = await call('POST', '/images/create?broken=1');
    expect(status).toBe(200);
    expect(JSON.parse(text.trim().split('\r\n')[1] ?? '')).toEqual({
      errorDetail: { message: 'broken pipe' },
      error: 'broken pipe',
    });
  });
});

const HEAD_101 =
  'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n';
const HEAD_200 = 'HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n';
const UPGRADE = 'Connection: Upgrade\r\nUpgrade: tcp\r\n';

describe.each([
  ['with upgrade', UPGRADE, HEAD_101],
  ['without upgrade', '', HEAD_200],
])('hijack %s', (_name, upgrade, expectedHead) => {
  it('keeps bytes that came right behind the request, and half-closes both ways', async () => {
    const client = new RawClient();
    client.socket.write(`POST /v1.43/containers/x/attach?stream=1 HTTP/1.1\r\nHost: d\r\n${upgrade}\r\nhello `);
    await client.until((text) => text.includes('\r\n\r\nhello '));
    expect(client.text.startsWith(expectedHead)).toBe(true);
    expect(client.text).not.toMatch(/content-length|transfer-encoding/i);
    client.socket.write('world');
    await client.until((text) => text.endsWith('\r\n\r\nhello world'));
    expect(client.ended).toBe(false);
    client.socket.end();
    await client.until((text) => text.endsWith('hello world[eof]'));
    await expect.poll(() => client.ended).toBe(true);
  });

  it.each([
    ['a length', 'Content-Length: 12\r\n\r\n{"Name":"a"}'],
    ['chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\n{"Nam\r\n7\r\ne":"a"}\r\n0\r\n\r\n'],
  ])('reads a JSON body with %s first', async (_what, body) => {
    const client = new RawClient();
    client.socket.write(
      `POST /exec/x/start HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n${upgrade}${body}in`,
    );
    await client.until((text) => text.endsWith('\r\n\r\nin'));
    expect(seen.body).toMatchObject({ Name: 'a' });
    client.socket.end();
    await expect.poll(() => client.ended).toBe(true);
  });

  it('takes a body that trickles in', async () => {
    const client = new RawClient();
    client.socket.write(`POST /exec/x/start HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n${upgrade}`);
    client.socket.setNoDelay(true);
    for (const piece of ['Content-Length: 12\r\n', '\r\n', '{"Name', '":"a"', '}', 'x', 'y']) {
      await new Promise((resolve) => setImmediate(resolve));
      client.socket.write(piece);
    }
    await client.until((text) => text.endsWith('\r\n\r\nxy'));
    client.socket.destroy();
  });

  it('works as the second request of a connection', async () => {
    const client = new RawClient();
    client.socket.write('GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n');
    await client.until((text) => text.includes('"OK"'));
    client.socket.write(`POST /containers/x/attach HTTP/1.1\r\nHost: d\r\n${upgrade}\r\nhello`);
    await client.until((text) => text.endsWith('\r\n\r\nhello'));
    client.socket.destroy();
  });

  it('moves megabytes with backpressure', async () => {
    const client = new RawClient();
    client.socket.write(`POST /containers/x/attach HTTP/1.1\r\nHost: d\r\n${upgrade}\r\n`);
    const payload = 'x'.repeat(8 * 1024 * 1024);
    client.socket.end(payload);
    await client.until((text) => text.endsWith('[eof]'));
    expect(client.text.length - client.text.indexOf('\r\n\r\n') - 4).toBe(payload.length + '[eof]'.length);
  });

  it('answers an error with plain HTTP and closes', async () => {
    const client = new RawClient();
    client.socket.write(`POST /exec/nosuch/start HTTP/1.1\r\nHost: d\r\n${upgrade}\r\n`);
    await expect.poll(() => client.ended).toBe(true);
    expect(client.text).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
    expect(client.text).toContain('Api-Version: 1.55');
    expect(client.text).toMatch(/\r\n\r\n\{"message":"No such container: nosuch"\}\n$/);
    client.socket.destroy();
    const attach = new RawClient();
    attach.socket.write(`POST /containers/nosuch/attach HTTP/1.1\r\nHost: d\r\n${upgrade}\r\n`);
    await expect.poll(() => attach.ended).toBe(true);
    expect(attach.text).toMatch(/\r\n\r\nNo such container: nosuch\r\n$/);
    attach.socket.destroy();
  });
});

describe('connections', () => {
  it('ignores an Upgrade header on ordinary routes', async () => {
    const client = new RawClient();
    client.socket.write(`GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n`);
    await client.until((text) => text.endsWith('"OK"\n'));
    client.socket.destroy();
  });

  it('sends the headers of a long stream at once and tells the handler when the client leaves', async () => {
    const client = new RawClient();
    client.socket.write('GET /events HTTP/1.1\r\nHost: d\r\n\r\n');
    await client.until((text) => text.includes('\r\n\r\n'));
    expect(client.text).toContain('Transfer-Encoding: chunked');
    client.socket.destroy();
    await expect.poll(() => seen.aborted).toBe(true);
  });

  it('ends long streams and finishes at close', async () => {
    const client = new RawClient();
    client.socket.write('GET /events HTTP/1.1\r\nHost: d\r\n\r\n');
    await client.until((text) => text.includes('\r\n\r\n'));
    await server.close(5000);
    await expect.poll(() => client.ended).toBe(true);
    expect(client.text).toContain('0\r\n\r\n');
    client.socket.destroy();
    expect(release).toBeDefined();
  });
});

describe('listening', () => {
  const options = { tls: null, group: '', groupIsDefault: true };

  it('makes the socket root-only plus group, 0660', () => {
    expect(statSync(path).mode & 0o777).toBe(0o660);
  });

  it('replaces a dead socket but not a live one or another file', async () => {
    await expect(server.listen(`unix://${path}`, options)).rejects.toThrow('address already in use');
    const dead = join(dir, 'dead.sock');
    const holder = createServer().listen(join(dir, 'holder.sock'));
    await new Promise((resolve) => holder.once('listening', resolve));
    linkSync(join(dir, 'holder.sock'), dead); // outlives its listener, which removes only its own name
    await new Promise((resolve) => holder.close(resolve));
    expect(existsSync(dead)).toBe(true);
    await server.listen(`unix://${dead}`, options);
    const file = join(dir, 'file');
    writeFileSync(file, '');
    await expect(server.listen(`unix://${file}`, options)).rejects.toThrow('is not a socket');
  });

  it('listens on tcp beside it', async () => {
    const [address] = await server.listen('tcp://127.0.0.1:0', options);
    expect(address).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+$/);
    const answer = await fetch(`${address?.replace('tcp:', 'http:')}/_ping`);
    expect(await answer.text()).toBe('"OK"\n');
  });
});
