import { once } from 'node:events';
import { readSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type FakeEngineServer, startFakeEngineServer } from '../../../test/support/fake-engine-server.js';
import { poll } from '../../../test/support/poll.js';
import { invalid } from '../../shared/errors.js';
import { HttpBodyDecoder } from '../../shared/http-body-decoder.js';
import { takeSocketBody } from '../../shared/socket-body.js';
import { text as textReply } from './reply.js';
import type { ApiRequest, RouteDefinition } from './route.js';

let api: FakeEngineServer;
let socket: Socket;
let received: string;
let aborted: boolean;
let finish: () => void;

/** Reads the socket as a worker thread would, if it is handed over. */
async function readBody(body: Readable): Promise<string> {
  const source = takeSocketBody(body);
  if (!source) return text(body);
  const decoder = new HttpBodyDecoder(source.lengthBytes);
  const pieces: Buffer[] = [];
  decoder.push(Buffer.from(source.head), (piece) => pieces.push(Buffer.from(piece)));
  const buffer = Buffer.alloc(1000);
  await poll('the body', () => {
    if (decoder.done) return true;
    try {
      const bytes = readSync(source.fd, buffer, 0, buffer.length, null);
      decoder.push(buffer.subarray(0, bytes), (piece) => pieces.push(Buffer.from(piece)));
    } catch {
      return false; // nothing has arrived
    }
    return decoder.done;
  });
  body.destroy();
  return Buffer.concat(pieces).toString();
}

const handlers: Record<string, (request: ApiRequest) => Promise<ReturnType<typeof textReply>>> = {
  '/stream': async (request) => textReply(await text(request.bodyStream()), 'text/plain'),
  '/socket': async (request) => textReply(await readBody(request.bodyStream()), 'text/plain'),
  '/refuse': async () => {
    throw invalid('not this one');
  },
  '/wait': async (request) => {
    await readBody(request.bodyStream());
    request.signal.addEventListener('abort', () => (aborted = true));
    await new Promise<void>((resolve) => (finish = resolve));
    return textReply('', 'text/plain');
  },
};

beforeEach(async () => {
  aborted = false;
  received = '';
  const routes = Object.entries(handlers).map(([path, handler]): RouteDefinition => ({
    method: 'POST',
    path,
    since: '1.24',
    cancelled: 'with-client',
    uploads: true,
    handler,
  }));
  api = await startFakeEngineServer(routes, {});
  socket = connect(api.socketPath).setEncoding('utf8');
  socket.on('data', (data: string) => (received += data));
  await once(socket, 'connect');
});

afterEach(async () => {
  socket.destroy();
  await api[Symbol.asyncDispose]();
});

const answered = (what: string): Promise<unknown> => poll(`${what} in the answer`, () => received.includes(what));

it.each(['/stream', '/socket'])(
  'reads chunks and an announced length on %s, and closes after the answer',
  async (path) => {
    socket.write(`POST ${path} HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab`);
    await new Promise((resolve) => setImmediate(resolve));
    socket.write('c\r\n5\r\n, def\r\n0\r\n\r\n');
    await answered('\r\n\r\nabc, def');
    expect(received).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(received).toContain('Connection: close');
    await poll('the end', () => socket.readableEnded);
    const reply = await api.call('POST', path, { body: 'xyz', headers: { 'Content-Type': 'application/x-tar' } });
    expect(reply.status).toBe(200);
  },
);

it.each(['/stream', '/socket'])('tells a client that waits for it to go on, on %s', async (path) => {
  socket.write(`POST ${path} HTTP/1.1\r\nHost: d\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n`);
  await answered('HTTP/1.1 100 Continue\r\n\r\n');
  socket.write('body');
  await answered('\r\n\r\nbody');
});

it('answers an error while the client is still sending', async () => {
  socket.write('POST /refuse HTTP/1.1\r\nHost: d\r\nContent-Length: 10000000\r\n\r\n');
  socket.write(Buffer.alloc(1_000_000));
  await answered('{"message":"not this one"}');
  expect(received).toMatch(/^HTTP\/1.1 400 Bad Request/);
});

it('serves a request without a body on a connection that is kept', async () => {
  for (let turn = 0; turn < 2; turn++) {
    received = '';
    socket.write('POST /stream HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n');
    await answered('HTTP/1.1 200 OK');
  }
});

it('notices a client that leaves after its body', async () => {
  socket.write('POST /wait HTTP/1.1\r\nHost: d\r\nContent-Length: 4\r\n\r\nbody');
  await poll('the handler', () => finish !== undefined);
  socket.destroy();
  await poll('the signal', () => aborted);
  finish();
});
