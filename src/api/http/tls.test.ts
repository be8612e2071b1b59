import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Engine } from '../../engine/engine.js';
import { silentLogger } from '../../shared/logger.js';
import { SYSTEM_ROUTES } from '../routes/system.js';
import { hijack, RAW_STREAM } from './hijack.js';
import { json } from './reply.js';
import type { ApiServer } from './server.js';
import { createApiServer } from './server.js';

const dir = mkdtempSync(join(tmpdir(), 'wharf-tls-'));
const file = (name: string): string => join(dir, name);
let server: ApiServer;
let port: number;

beforeAll(async () => {
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '1',
    '-subj',
    '/CN=localhost',
    '-keyout',
    'key.pem',
    '-out',
    'cert.pem',
  );
  server = await createApiServer({
    engine: {} as Engine,
    logger: silentLogger,
    facts: { version: '29.0.0', experimental: false, builderVersion: '1' },
    routes: [
      ...SYSTEM_ROUTES,
      {
        method: 'POST',
        path: '/containers/{id}/attach',
        since: '1.24',
        cancelled: 'with-client',
        hijacks: true,
        handler: async (request) => {
          const client = await hijack(request, { contentType: RAW_STREAM });
          client.on('data', (chunk: Buffer) => client.write(chunk));
          client.on('end', () => client.end('[eof]'));
          return null;
        },
      },
      {
        method: 'GET',
        path: '/words',
        since: '1.24',
        cancelled: 'detached',
        quickReply: ({ query }) => json({ words: query.string('last').padStart(100_000, 'word ') }),
        handler: () => null,
      },
    ],
  });
  const tls = { verify: true, caPath: file('cert.pem'), certPath: file('cert.pem'), keyPath: file('key.pem') };
  const [address] = await server.listen('tcp://127.0.0.1:0', { tls, group: '', groupIsDefault: true });
  port = Number(address?.split(':').at(-1));
});

afterAll(async () => {
  await server.close(1000);
  rmSync(dir, { recursive: true });
});

function open(credentials: object): { socket: TLSSocket; seen: { text: string; ended: boolean; failed: boolean } } {
  const options: ConnectionOptions & { allowHalfOpen: boolean } = {
    port,
    host: '127.0.0.1',
    ca: readFileSync(file('cert.pem')),
    checkServerIdentity: () => undefined,
    allowHalfOpen: true,
    ...credentials,
  };
  const socket = connect(options);
  const seen = { text: '', ended: false, failed: false };
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => (seen.text += chunk));
  socket.on('end', () => (seen.ended = true));
  socket.on('error', () => (seen.failed = true));
  return { socket, seen };
}

it('hijacks over TLS with half-close', async () => {
  const { socket, seen } = open({ cert: readFileSync(file('cert.pem')), key: readFileSync(file('key.pem')) });
  socket.write('POST /containers/x/attach HTTP/1.1\r\nHost: d\r\n\r\nhello ');
  await expect.poll(() => seen.text).toMatch(/\r\n\r\nhello $/);
  socket.end('world');
  await expect.poll(() => seen.text).toMatch(/\r\n\r\nhello world\[eof\]$/);
  await expect.poll(() => seen.ended).toBe(true);
});

it('answers pings over TLS, one after another and several at once', async () => {
  const { socket, seen } = open({ cert: readFileSync(file('cert.pem')), key: readFileSync(file('key.pem')) });
  const ping = 'GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n';
  socket.write(ping);
  await expect.poll(() => seen.text, { timeout: 30_000 }).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*\r\n\r\nOK$/);
  socket.write(ping.repeat(20));
  await expect.poll(() => seen.text.match(/\r\n\r\nOK/g)?.length, { timeout: 30_000 }).toBe(21);
  socket.destroy();
});

it('answers quickly over TLS, whatever the letters', async () => {
  const { socket, seen } = open({ cert: readFileSync(file('cert.pem')), key: readFileSync(file('key.pem')) });
  for (const last of ['end', 'ende fällig', '€nd']) {
    seen.text = '';
    socket.write(`GET /words?last=${encodeURIComponent(last)} HTTP/1.1\r\nHost: d\r\n\r\n`);
    const body = Buffer.from(`${JSON.stringify({ words: last.padStart(100_000, 'word ') })}\n`).toString('latin1');
    await expect.poll(() => seen.text.endsWith(`\r\n\r\n${body}`), { timeout: 30_000 }).toBe(true);
    expect(seen.text).toContain(`Content-Length: ${body.length}\r\n`);
  }
  socket.destroy();
});

it('refuses clients without a certificate', async () => {
  const { socket, seen } = open({});
  socket.write('GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n');
  await expect.poll(() => seen.failed || seen.ended).toBe(true);
  expect(seen.text).toBe('');
});
