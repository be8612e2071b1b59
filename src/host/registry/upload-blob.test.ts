import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { digestOf } from '../../shared/digest.js';
import { silentLogger } from '../../shared/logger.js';
import { sendFile } from '../content/send-file.js';
import { NO_PROXIES } from './proxy.js';
import { Registries } from './registries.js';
import type { RegistryClient } from './registry-client.js';
import type { WriteBody } from './transport.js';
import { uploadBlob, type BlobSource, type UploadOptions } from './upload-blob.js';

const never = new AbortController().signal;
const OPTIONS: UploadOptions = { mountFrom: [], attempts: 3, signal: never };

function noise(sizeBytes: number): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i * 32 < sizeBytes; i++) parts.push(createHash('sha256').update(String(i)).digest());
  return Buffer.concat(parts).subarray(0, sizeBytes);
}

/** Takes uploads as the protocol has them, and can be told to fail. */
class UploadServer {
  readonly requests: string[] = [];
  readonly blobs = new Map<string, Buffer>();
  private chunks: Buffer[] = [];
  receivedBytes = 0;
  /** Cuts the connection once so much of an upload has come. */
  cutAt = Infinity;
  maxBodyBytes = Infinity;
  mountable = '';
  readonly server = createServer((request, response) => void this.serve(request, response));

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://x');
    const { 'content-range': range, 'content-length': length } = request.headers;
    this.requests.push(`${request.method} ${url.pathname}${range ? ` ${range}` : ''}`);
    if (request.method === 'POST') {
      this.chunks = [];
      this.receivedBytes = 0;
      const isMount = this.mountable !== '' && url.searchParams.get('from') === this.mountable;
      response.writeHead(isMount ? 201 : 202, { location: '/v2/lib/foo/blobs/uploads/1?state=0' }).end();
      return;
    }
    if (request.method === 'GET') {
      const last = Math.max(0, this.receivedBytes - 1);
      response.writeHead(204, { range: `0-${last}`, location: '/v2/lib/foo/blobs/uploads/1?state=got' }).end();
      return;
    }
    if (Number(length) > this.maxBodyBytes) {
      request.resume();
      response.writeHead(413).end();
      return;
    }
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        this.chunks.push(chunk);
        this.receivedBytes += chunk.length;
        if (this.receivedBytes < this.cutAt) continue;
        this.cutAt = Infinity;
        request.destroy();
        return;
      }
    } catch {
      return; // cut, as it was told to
    }
    if (request.method === 'PATCH') {
      response.writeHead(202, { location: '/v2/lib/foo/blobs/uploads/1?state=sent' }).end();
      return;
    }
    this.blobs.set(url.searchParams.get('digest') ?? '', Buffer.concat(this.chunks));
    response.writeHead(201).end();
  }
}

let folder: string;
let server: UploadServer;
let registries: Registries;
let client: RegistryClient;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wharf-upload-'));
  server = new UploadServer();
  await new Promise<void>((resolve) => server.server.listen(0, '127.0.0.1', resolve));
  const domain = `127.0.0.1:${(server.server.address() as AddressInfo).port}`;
  const config = {
    mirrors: [],
    insecureRegistries: [],
    certsDir: '/nonexistent',
    userAgent: 'test',
    proxies: NO_PROXIES,
    maxDownloadAttempts: 3,
  };
  registries = new Registries(config, silentLogger);
  client = registries.clients(domain, 'lib/foo', null, 'pull,push')[1]!; // the one of plain http
});
afterEach(() => {
  registries[Symbol.dispose]();
  server.server.closeAllConnections();
  server.server.close();
  rmSync(folder, { recursive: true });
});

function sourceOf(bytes: Buffer): BlobSource {
  const digest = digestOf(bytes);
  const path = join(folder, digest.slice(7));
  writeFileSync(path, bytes);
  const body =
    (start: number, end: number): WriteBody =>
    (to) =>
      sendFile(path, { start, end }, to, () => undefined);
  return { digest, sizeBytes: bytes.length, body };
}

it('sends a small blob in one piece', async () => {
  const source = sourceOf(noise(1000));
  expect(await uploadBlob(client, source, OPTIONS)).toBeNull();
  expect(server.blobs.get(source.digest)).toEqual(noise(1000));
  expect(server.requests.map((line) => line.split(' ')[0])).toEqual(['POST', 'PUT']);
});

it('takes a cut upload up where it broke', async () => {
  const bytes = noise(3_000_000);
  server.cutAt = 1_000_000;
  const source = sourceOf(bytes);
  const waits: number[] = [];
  await uploadBlob(client, source, { ...OPTIONS, onRetry: (seconds) => waits.push(seconds) });
  expect(server.blobs.get(source.digest)?.equals(bytes)).toBe(true);
  expect(waits).toEqual([1]);
  const pieces = server.requests.filter((line) => line.startsWith('PATCH')).map((line) => line.split(' ')[2]);
  expect(pieces[0]).toBe('0-2999999');
  expect(pieces[1]).toMatch(/^1\d{6}-2999999$/);
  expect(server.requests.filter((line) => line.startsWith('POST'))).toHaveLength(1);
});

it('sends smaller pieces where large ones are refused', async () => {
  const bytes = noise(20 * 1024 * 1024);
  server.maxBodyBytes = 10 * 1024 * 1024;
  const source = sourceOf(bytes);
  await uploadBlob(client, source, OPTIONS);
  expect(server.blobs.get(source.digest)?.equals(bytes)).toBe(true);
  expect(server.requests.filter((line) => line.startsWith('PATCH'))).toHaveLength(4);
});

it('mounts what another repository has', async () => {
  server.mountable = 'lib/bar';
  const source = sourceOf(noise(100_000));
  expect(await uploadBlob(client, source, { ...OPTIONS, mountFrom: ['lib/bar'] })).toBe('lib/bar');
  expect(server.requests).toEqual(['POST /v2/lib/foo/blobs/uploads/']);
});

it('uses the upload that is opened for what can not be mounted', async () => {
  const source = sourceOf(noise(100_000));
  expect(await uploadBlob(client, source, { ...OPTIONS, mountFrom: ['lib/bar', 'lib/baz'] })).toBeNull();
  expect(server.blobs.has(source.digest)).toBe(true);
  expect(server.requests.filter((line) => line.startsWith('POST'))).toHaveLength(1);
});
