import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ImagesFixture } from '../../../test/support/images-fixture.js';
import { poll } from '../../../test/support/poll.js';
import { encodeHeader, END_OF_ARCHIVE, paddingAfter } from '../../host/archive/tar-writer.js';
import { digestOf, shortDigest } from '../../shared/digest.js';
import type { Progress, RegistryCredentials } from './image-service.js';

const never = new AbortController().signal;
let fixture: ImagesFixture;
beforeEach(() => (fixture = new ImagesFixture()));
afterEach(() => fixture[Symbol.dispose]());

function layerTar(name: string, content: Buffer): Buffer {
  const header = encodeHeader({
    name,
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: content.length,
    mtimeNs: 0n,
    linkName: '',
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: null,
  });
  return Buffer.concat([header, content, paddingAfter(content.length), END_OF_ARCHIVE]);
}

/** Bytes that do not compress, always the same. */
function noise(seed: string, sizeBytes: number): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i * 32 < sizeBytes; i++) parts.push(createHash('sha256').update(`${seed}${i}`).digest());
  return Buffer.concat(parts).subarray(0, sizeBytes);
}

const IDENTITY: RegistryCredentials = {
  username: '',
  password: '',
  identityToken: '',
  registryToken: '',
  serverAddress: '',
};

function pull(fromImage: string, tag = 'latest', more: { platform?: string; credentials?: RegistryCredentials } = {}) {
  const options = { fromImage, tag, allTags: false, platform: '', credentials: null, ...more };
  return fixture.images.pull(options, fixture.report, never);
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A registry of one image that does as it is told, to be unkind. */
class FaultRegistry implements AsyncDisposable {
  readonly requests: string[] = [];
  /** By `METHOD path`; overrides what it would serve. */
  readonly answers = new Map<string, Answer>();
  readonly blobs = new Map<string, Buffer>();
  readonly manifests = new Map<string, { type: string; bytes: Buffer }>();
  address = '';
  private readonly server = createServer((request, response) => this.serve(request, response));

  static async start(): Promise<FaultRegistry> {
    const registry = new FaultRegistry();
    registry.address = await listen(registry.server);
    return registry;
  }

  addImage(tag: string, layers: Buffer[], architecture = 'amd64'): { id: string; digest: string; layers: string[] } {
    const compressed = layers.map((layer) => gzipSync(layer));
    const config = Buffer.from(
      JSON.stringify({
        architecture,
        os: 'linux',
        created: '2024-01-01T00:00:00Z',
        config: {},
        rootfs: { type: 'layers', diff_ids: layers.map((layer) => digestOf(layer)) },
      }),
    );
    for (const blob of [...compressed, config]) this.blobs.set(digestOf(blob), blob);
    const type = 'application/vnd.docker.distribution.manifest.v2+json';
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: type,
        config: {
          mediaType: 'application/vnd.docker.container.image.v1+json',
          size: config.length,
          digest: digestOf(config),
        },
        layers: compressed.map((blob) => ({
          mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
          size: blob.length,
          digest: digestOf(blob),
        })),
      }),
    );
    this.manifests.set(tag, { type, bytes });
    this.manifests.set(digestOf(bytes), { type, bytes });
    return { id: digestOf(config), digest: digestOf(bytes), layers: compressed.map((blob) => digestOf(blob)) };
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url ?? '';
    this.requests.push(`${request.method} ${url}${request.headers.range ? ` ${request.headers.range}` : ''}`);
    const answer = this.answers.get(`${request.method} ${url.split('?')[0]}`);
    if (answer) return answer(request, response);
    if (url === '/v2/') return void response.end('{}');
    const manifest = /\/manifests\/(.+)$/.exec(url)?.[1];
    const served = this.manifests.get(manifest ?? '');
    if (served) return void response.writeHead(200, { 'content-type': served.type }).end(served.bytes);
    const blob = this.blobs.get(/\/blobs\/(.+)$/.exec(url)?.[1] ?? '');
    if (blob) return serveBlob(request, response, blob);
    const code = manifest === undefined ? 'BLOB_UNKNOWN' : 'MANIFEST_UNKNOWN';
    response.writeHead(404).end(JSON.stringify({ errors: [{ code, message: code.toLowerCase().replace('_', ' ') }] }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

function serveBlob(request: IncomingMessage, response: ServerResponse, blob: Buffer): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? NaN);
  if (Number.isNaN(start)) return void response.writeHead(200, { 'content-length': blob.length }).end(blob);
  const headers = {
    'content-length': blob.length - start,
    'content-range': `bytes ${start}-${blob.length - 1}/${blob.length}`,
  };
  response.writeHead(206, headers).end(blob.subarray(start));
}

describe('pull from a registry that fails', () => {
  let registry: FaultRegistry;
  const layer = layerTar('data', noise('a', 300_000));
  beforeEach(async () => (registry = await FaultRegistry.start()));
  afterEach(() => registry[Symbol.asyncDispose]());

  it('tells its progress as dockerd does', async () => {
    const layers = [layer, ...['b', 'c', 'd'].map((name) => layerTar(name, Buffer.from(name)))];
    const image = registry.addImage('latest', layers);
    await pull(`${registry.address}/lib/foo`);
    const id = shortDigest(image.layers[0] ?? '');
    expect(fixture.lines.filter((line) => line.startsWith(id)).map((line) => line.slice(13))).toEqual([
      'Pulling fs layer',
      'Downloading',
      'Verifying Checksum',
      'Download complete',
      'Extracting',
      'Pull complete',
    ]);
    expect(fixture.lines).toContain(`${shortDigest(image.layers[3] ?? '')} Waiting`);
    expect(fixture.lines[0]).toBe('latest Pulling from lib/foo');
    expect(fixture.lines.slice(-2)).toEqual([
      `Digest: ${image.digest}`,
      `Status: Downloaded newer image for ${registry.address}/lib/foo:latest`,
    ]);
    expect(fixture.images.inspect(image.id)).toMatchObject({
      id: image.id,
      repoTags: [`${registry.address}/lib/foo:latest`],
      repoDigests: [`${registry.address}/lib/foo@${image.digest}`],
    });
    fixture.progress.length = 0;
    await pull(`${registry.address}/lib/foo`);
    expect(fixture.lines).toEqual([
      'latest Pulling from lib/foo',
      `Digest: ${image.digest}`,
      `Status: Image is up to date for ${registry.address}/lib/foo:latest`,
    ]);
    expect(fixture.events.map(({ action, actorId }) => [action, actorId])).toEqual([
      ['pull', `${registry.address}/lib/foo:latest`],
      ['pull', `${registry.address}/lib/foo:latest`],
    ]);
  });

  it('warns at the end of an image for another platform', async () => {
    registry.addImage('latest', [layer]);
    const ref = `${registry.address}/lib/foo:latest`;
    await pull(`${registry.address}/lib/foo`, 'latest', { platform: 'linux/s390x' });
    expect(fixture.lines.slice(-2)).toEqual([
      `Status: Downloaded newer image for ${ref}`,
      expect.stringContaining(`WARNING: image with reference ${ref} was found but its platform`),
    ]);
  });

  it('does not fetch what it has', async () => {
    registry.addImage('1', [layer]);
    const two = registry.addImage('2', [layer, layerTar('x', Buffer.from('x'))]);
    await pull(`${registry.address}/lib/foo`, '1');
    registry.requests.length = 0;
    await pull(`${registry.address}/lib/foo`, '2');
    expect(fixture.lines).toContain(`${shortDigest(two.layers[0] ?? '')} Already exists`);
    expect(registry.requests.filter((line) => line.includes(two.layers[0] ?? ''))).toEqual([]);
  });

  it('takes a cut connection up where it broke', async () => {
    const image = registry.addImage('latest', [layer]);
    const [digest = ''] = image.layers;
    const blob = registry.blobs.get(digest) ?? Buffer.alloc(0);
    const path = `GET /v2/lib/foo/blobs/${digest}`;
    registry.answers.set(path, (_request, response) => {
      registry.answers.delete(path);
      response.writeHead(200, { 'content-length': blob.length });
      response.write(blob.subarray(0, 100_000), () => response.destroy());
    });
    await pull(`${registry.address}/lib/foo`);
    const ranges = registry.requests.filter((line) => line.includes(digest)).map((line) => / bytes=(\d+)-/.exec(line));
    expect(ranges).toHaveLength(2);
    expect(Number(ranges[1]?.[1])).toBeGreaterThan(0);
    expect(fixture.images.find(image.id)).not.toBeNull();
  });

  it('starts anew when the part that it had was damaged', async () => {
    const image = registry.addImage('latest', [layer]);
    const [digest = ''] = image.layers;
    writeFileSync(join(fixture.root, 'content/ingest', `${digest.slice(7)}.partial`), Buffer.alloc(5000));
    await pull(`${registry.address}/lib/foo`);
    const asked = registry.requests.filter((line) => line.includes(digest));
    expect(asked[0]).toMatch(/ bytes=5000-$/);
    expect(asked).toHaveLength(2);
    expect(fixture.images.find(image.id)).not.toBeNull();
  });

  it.each(['blobs', 'manifests'])('waits when the registry is too busy for %s and says for how long', async (what) => {
    const image = registry.addImage('latest', [layer]);
    const path = `GET /v2/lib/foo/${what}/${what === 'blobs' ? (image.layers[0] ?? '') : 'latest'}`;
    registry.answers.set(path, (_request, response) => {
      registry.answers.delete(path);
      response.writeHead(429, { 'retry-after': '1' }).end('{"errors":[{"code":"TOOMANYREQUESTS","message":"slow"}]}');
    });
    await pull(`${registry.address}/lib/foo`);
    expect(registry.requests.filter((line) => line === path)).toHaveLength(2);
  });

  it('refuses what the disk has no room for before it writes', async () => {
    const image = registry.addImage('latest', [layer]);
    const manifest = registry.manifests.get('latest');
    const json = JSON.parse(manifest?.bytes.toString() ?? '') as { layers: { size: number }[] };
    json.layers.forEach((one) => (one.size = 1e15));
    registry.manifests.set('latest', { type: manifest?.type ?? '', bytes: Buffer.from(JSON.stringify(json)) });
    await expect(pull(`${registry.address}/lib/foo`)).rejects.toThrow(
      /^the image needs at least 2PB on disk, but only .* are available: no space left on device$/,
    );
    expect(registry.requests.filter((line) => line.includes(image.layers[0] ?? ''))).toEqual([]);
    expect(await fixture.leftovers()).toEqual({ blobs: [], ingest: [], layers: [] });
  });

  it('keeps a part only, when all fails, and goes on from it the next time', async () => {
    const image = registry.addImage('latest', [layer]);
    const [digest = ''] = image.layers;
    const blob = registry.blobs.get(digest) ?? Buffer.alloc(0);
    const path = `GET /v2/lib/foo/blobs/${digest}`;
    let attempts = 0;
    registry.answers.set(path, (_request, response) => {
      if (attempts++ > 0) return void response.writeHead(400).end('{"errors":[{"code":"UNSUPPORTED","message":"no"}]}');
      response.writeHead(200, { 'content-length': blob.length });
      response.write(blob.subarray(0, 100_000), () => response.destroy());
    });
    await expect(pull(`${registry.address}/lib/foo`)).rejects.toThrow('unsupported: no');
    expect(await fixture.leftovers()).toEqual({ blobs: [], ingest: [`${digest.slice(7)}.partial`], layers: [] });
    registry.answers.clear();
    registry.requests.length = 0;
    fixture.reopen();
    await pull(`${registry.address}/lib/foo`);
    expect(registry.requests.find((line) => line.includes(digest))).toMatch(/ bytes=[1-9]/);
    expect((await fixture.leftovers()).ingest).toEqual([]);
  });

  it('refuses a layer with another digest and keeps nothing of it', async () => {
    const image = registry.addImage('latest', [layer]);
    const [digest = ''] = image.layers;
    const blob = Buffer.from(registry.blobs.get(digest) ?? '');
    blob[50_000] = (blob[50_000] ?? 0) ^ 1;
    registry.blobs.set(digest, blob);
    await expect(pull(`${registry.address}/lib/foo`)).rejects.toThrow(
      `filesystem layer verification failed for digest ${digest}`,
    );
    expect(await fixture.leftovers()).toEqual({ blobs: [], ingest: [], layers: [] });
  });

  it('refuses a manifest or configuration with another digest', async () => {
    const image = registry.addImage('latest', [layer]);
    const manifest = registry.manifests.get(image.digest);
    const forged = Buffer.concat([manifest?.bytes ?? Buffer.alloc(0), Buffer.from(' ')]);
    registry.manifests.set(image.digest, { type: manifest?.type ?? '', bytes: forged });
    await expect(pull(`${registry.address}/lib/foo`, image.digest)).rejects.toThrow('manifest verification failed');
    registry.blobs.set(image.id, Buffer.from(`${registry.blobs.get(image.id)?.toString()} `));
    await expect(pull(`${registry.address}/lib/foo`)).rejects.toThrow('image config verification failed');
    expect(await fixture.leftovers()).toEqual({ blobs: [], ingest: [], layers: [] });
  });

  it('chooses from an index by platform', async () => {
    const arm = registry.addImage('arm', [layerTar('arm', Buffer.from('arm'))], 'arm64');
    const amd = registry.addImage('amd', [layerTar('amd', Buffer.from('amd'))]);
    const type = 'application/vnd.oci.image.index.v1+json';
    const entry = (image: { digest: string }, platform: object): object => ({
      mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
      digest: image.digest,
      size: 1,
      platform,
    });
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: type,
        manifests: [
          entry(arm, { os: 'linux', architecture: 'arm64', variant: 'v8' }),
          entry(amd, { os: 'linux', architecture: 'amd64' }),
          entry(amd, { os: 'unknown', architecture: 'unknown' }),
        ],
      }),
    );
    registry.manifests.set('multi', { type, bytes });
    await pull(`${registry.address}/lib/foo`, 'multi', { platform: 'linux/arm64' });
    expect(fixture.images.inspect(`${registry.address}/lib/foo:multi`).id).toBe(arm.id);
    expect(fixture.lines).toContain(`Digest: ${digestOf(bytes)}`);
    await pull(`${registry.address}/lib/foo`, 'multi', { platform: 'linux/amd64' });
    expect(fixture.images.inspect(`${registry.address}/lib/foo@${digestOf(bytes)}`).id).toBe(amd.id);
    await expect(pull(`${registry.address}/lib/foo`, 'multi', { platform: 'linux/s390x' })).rejects.toThrow(
      'no matching manifest for linux/s390x in the manifest list entries',
    );
  });

  it.each<[string, Answer, object]>([
    [
      'garbage',
      (_, response) => void response.writeHead(500).end('<html>'),
      { message: 'error parsing HTTP 500 response body: "<html>"' },
    ],
    [
      'a refusal',
      (_, response) =>
        void response
          .writeHead(403)
          .end('{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}'),
      {
        kind: 'not-found',
        message:
          /^pull access denied for .*\/lib\/foo, repository does not exist or may require 'docker login': denied: requested access to the resource is denied$/,
      },
    ],
    [
      'a manifest without end',
      (_, response) => void response.end(Buffer.alloc(5 << 20, 32)),
      { message: /larger than/ },
    ],
    ['no JSON', (_, response) => void response.end('hello'), { message: /error parsing manifest/ }],
    [
      'another kind of thing',
      (_, response) => void response.end('{"schemaVersion":1}'),
      { kind: 'invalid', message: /schema 1/ },
    ],
  ])('says so when the manifest is %s', async (_name, answer, expected) => {
    registry.answers.set('GET /v2/lib/foo/manifests/latest', answer);
    const failure = (await pull(`${registry.address}/lib/foo`).catch((error: unknown) => error)) as Error;
    for (const [field, value] of Object.entries(expected)) {
      expect(failure[field as 'message']).toEqual(value instanceof RegExp ? expect.stringMatching(value) : value);
    }
    expect(await fixture.leftovers()).toEqual({ blobs: [], ingest: [], layers: [] });
  });

  it('follows a redirect without showing the credentials to the other server', async () => {
    const image = registry.addImage('latest', [layer]);
    const [digest = ''] = image.layers;
    const authorizations: (string | undefined)[] = [];
    const store = createServer((request, response) => {
      authorizations.push(request.headers.authorization);
      serveBlob(request, response, registry.blobs.get(digest) ?? Buffer.alloc(0));
    });
    const address = await listen(store);
    registry.answers.set('GET /v2/', (request, response) => {
      response.writeHead(request.headers.authorization ? 200 : 401, { 'www-authenticate': 'Basic realm="x"' }).end();
    });
    registry.answers.set(`GET /v2/lib/foo/blobs/${digest}`, (request, response) => {
      authorizations.push(request.headers.authorization);
      response.writeHead(307, { location: `http://${address}/somewhere` }).end();
    });
    try {
      await pull(`${registry.address}/lib/foo`, 'latest', {
        credentials: { ...IDENTITY, username: 'u', password: 'p' },
      });
      expect(authorizations).toEqual([`Basic ${Buffer.from('u:p').toString('base64')}`, undefined]);
    } finally {
      store.closeAllConnections();
      store.close();
    }
  });

  it('gets a token where it is told to', async () => {
    registry.addImage('latest', [layer]);
    const asked: string[] = [];
    const guard =
      (path: string): Answer =>
      (request, response) => {
        if (request.headers.authorization === 'Bearer secret') {
          registry.answers.delete(path);
          response.writeHead(302, { location: request.url }).end();
          return;
        }
        const challenge = `Bearer realm="http://${registry.address}/token",service="reg",scope="x"`;
        response.writeHead(401, { 'www-authenticate': challenge }).end();
      };
    registry.answers.set('GET /v2/', guard('GET /v2/'));
    const path = 'GET /v2/lib/foo/manifests/latest';
    registry.answers.set(path, guard(path));
    registry.answers.set('GET /token', (request, response) => {
      asked.push(`${request.url} ${request.headers.authorization ?? ''}`.trim());
      response.end('{"token":"secret"}');
    });
    await pull(`${registry.address}/lib/foo`);
    expect(asked).toEqual(['/token?service=reg&scope=repository%3Alib%2Ffoo%3Apull']);
  });

  it('looks where a hosts.toml says, for any registry', async () => {
    const image = registry.addImage('latest', [layer]);
    const dir = join(fixture.root, 'certs.d/registry.test');
    mkdirSync(dir, { recursive: true });
    const dead = '[host."http://127.0.0.1:1"]\ncapabilities = ["pull", "resolve"]\n';
    writeFileSync(
      join(dir, 'hosts.toml'),
      `${dead}[host."http://${registry.address}"]\n[host."http://${registry.address}".header]\nx-a = "b"\n`,
    );
    const headers: unknown[] = [];
    registry.answers.set('GET /v2/', (request, response) => {
      headers.push(request.headers['x-a']);
      response.end('{}');
    });
    await pull('registry.test/lib/foo');
    expect(fixture.images.inspect('registry.test/lib/foo').id).toBe(image.id);
    expect(headers).toEqual(['b']);
    writeFileSync(join(dir, 'hosts.toml'), 'nonsense');
    await expect(pull('registry.test/lib/foo')).rejects.toThrow('failed to parse hosts.toml: line 1');
  });

  it('goes through a proxy, with its credentials', async () => {
    const image = registry.addImage('latest', [layer]);
    const seen = new Set<string>();
    const proxy = createServer((request, response) => {
      seen.add(String(request.headers['proxy-authorization']));
      const { pathname, host } = new URL(request.url ?? '');
      expect(host).toBe('registry.test:5000');
      const { range, ...headers } = request.headers;
      void fetch(`http://${registry.address}${pathname}`, {
        headers: { accept: headers.accept ?? '', ...(range ? { range } : {}) },
      }).then(async (answer) => {
        response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
        response.end(Buffer.from(await answer.arrayBuffer()));
      });
    });
    proxy.on('connect', (_request, socket) => socket.end('HTTP/1.1 403 Not Here\r\n\r\n'));
    const address = await listen(proxy);
    const url = `http://us%20er:pw@${address}`;
    try {
      using proxied = new ImagesFixture({
        insecureRegistries: ['registry.test:5000'],
        proxies: { httpProxy: url, httpsProxy: url, noProxy: '' },
      });
      const options = { tag: 'latest', allTags: false, platform: '', credentials: null };
      await proxied.images.pull({ ...options, fromImage: 'registry.test:5000/lib/foo' }, proxied.report, never);
      expect(proxied.images.inspect('registry.test:5000/lib/foo').id).toBe(image.id);
      expect([...seen]).toEqual([`Basic ${Buffer.from('us er:pw').toString('base64')}`]);
      const secure = proxied.images.pull({ ...options, fromImage: 'secure.test/lib/foo' }, proxied.report, never);
      await expect(secure).rejects.toThrow('Get "https://secure.test/v2/": proxyconnect tcp: Not Here');
    } finally {
      proxy.closeAllConnections();
      proxy.close();
    }
  });

  it('tries mirrors first and falls back', async () => {
    const image = registry.addImage('latest', [layer]);
    const dead = createTcpServer();
    await new Promise<void>((resolve) => dead.listen(0, '127.0.0.1', resolve));
    const port = (dead.address() as AddressInfo).port;
    await new Promise((resolve) => dead.close(resolve));
    using mirrored = new ImagesFixture({ mirrors: [`http://127.0.0.1:${port}`, `http://${registry.address}/`] });
    const options = { fromImage: 'busybox', tag: 'latest', allTags: false, platform: '', credentials: null };
    await mirrored.images.pull(options, mirrored.report, never);
    expect(mirrored.images.inspect('busybox').id).toBe(image.id);
    expect(mirrored.lines[0]).toBe('latest Pulling from library/busybox');
  });

  it('downloads a layer once for two pulls at once, and leaves one that is cancelled', async () => {
    const image = registry.addImage('1', [layer]);
    registry.addImage('2', [layer, layerTar('x', Buffer.from('x'))]);
    const [digest = ''] = image.layers;
    const blob = registry.blobs.get(digest) ?? Buffer.alloc(0);
    const path = `GET /v2/lib/foo/blobs/${digest}`;
    const release: (() => void)[] = [];
    registry.answers.set(path, (_request, response) => {
      response.writeHead(200, { 'content-length': blob.length });
      response.write(blob.subarray(0, 1000));
      release.push(() => response.end(blob.subarray(1000)));
    });
    const first = pull(`${registry.address}/lib/foo`, '1');
    await poll('the download', () => release.length === 1);
    const progress: Progress[] = [];
    const options = {
      fromImage: `${registry.address}/lib/foo`,
      tag: '2',
      allTags: false,
      platform: '',
      credentials: null,
    };
    const second = fixture.images.pull(options, (message) => void progress.push(message), never);
    // It is told how far the first one's download is.
    const isShown = ({ id, status, progressDetail }: Progress): boolean =>
      id === shortDigest(digest) && status === 'Downloading' && (progressDetail?.current ?? 0) > 0;
    await poll('the progress of the first', () => progress.some(isShown));
    release[0]?.();
    await Promise.all([first, second]);
    expect(registry.requests.filter((line) => line.includes(digest))).toHaveLength(1);
  });

  it('stops when it is told to', async () => {
    const image = registry.addImage('latest', [layer, layerTar('x', Buffer.from('x'))]);
    const [digest = ''] = image.layers;
    const blob = registry.blobs.get(digest) ?? Buffer.alloc(0);
    registry.answers.set(`GET /v2/lib/foo/blobs/${digest}`, (_request, response) => {
      response.writeHead(200, { 'content-length': blob.length });
      response.write(blob.subarray(0, 1000));
    });
    const abort = new AbortController();
    const pulling = fixture.images.pull(
      { fromImage: `${registry.address}/lib/foo`, tag: 'latest', allTags: false, platform: '', credentials: null },
      fixture.report,
      abort.signal,
    );
    await poll('the other layer', () => fixture.lines.some((line) => line.endsWith('Pull complete')));
    abort.abort();
    await expect(pulling).rejects.toMatchObject({ name: 'AbortError' });
    expect(await fixture.leftovers()).toMatchObject({ blobs: [], layers: [] });
  });

  it('says what it can not reach', async () => {
    await registry[Symbol.asyncDispose]();
    await expect(pull(`${registry.address}/x`)).rejects.toThrow(
      `Get "http://${registry.address}/v2/": dial tcp ${registry.address}: connect: connection refused`,
    );
    await expect(pull('scratch')).rejects.toMatchObject({ kind: 'forbidden', message: "'scratch' is a reserved name" });
    await expect(pull('x', '!!')).rejects.toMatchObject({ kind: 'invalid', message: 'invalid tag format' });
    registry = await FaultRegistry.start();
  });
});

// The password is `secret`; the registry takes bcrypt only.
const HTPASSWD = 'user:$2b$05$fibE/zTfnVhMLtZeas.RyePhTU9Xmh08xNRtg2QWnOEVkggm4..Ay';
const CREDENTIALS = { ...IDENTITY, username: 'user', password: 'secret' };

describe('a real registry', () => {
  let dir: string;
  let child: ChildProcess;
  let address: string;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'registry-'));
    const probe = createServer();
    address = await listen(probe);
    await new Promise((resolve) => probe.close(resolve));
    mkdirSync(join(dir, 'data'));
    writeFileSync(join(dir, 'htpasswd'), HTPASSWD);
    writeFileSync(
      join(dir, 'config.yml'),
      [
        'version: 0.1',
        'log: {level: error}',
        `storage: {filesystem: {rootdirectory: ${dir}/data}}`,
        `http: {addr: "${address}"}`,
        `auth: {htpasswd: {realm: basic-realm, path: ${dir}/htpasswd}}`,
      ].join('\n'),
    );
    child = spawn('docker-registry', ['serve', join(dir, 'config.yml')], { stdio: 'ignore' });
    await poll('the registry', () =>
      fetch(`http://${address}/v2/`).then(
        () => true,
        () => false,
      ),
    );
  });
  afterAll(async () => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill();
    await gone;
    rmSync(dir, { recursive: true });
  });

  it('takes a push and gives the same image back', async () => {
    const tar = layerTar('hello', noise('push', 100_000));
    const id = await fixture.images.import(
      { source: Readable.from([tar]), repo: `${address}/lib/foo`, tag: '1', message: 'm', changes: [], platform: '' },
      fixture.report,
      never,
    );
    const ref = `${address}/lib/foo`;
    await fixture.images.push({ ref, tag: '1', platform: '', credentials: CREDENTIALS }, fixture.report, never);
    const pushed = fixture.progress.at(-1)?.aux as { Digest: string };
    expect(pushed).toMatchObject({ Tag: '1', Digest: expect.stringMatching(/^sha256:/), Size: expect.any(Number) });
    expect(fixture.lines).toContain(`${shortDigest(digestOf(tar))} Pushed`);
    fixture.images.tag(id, ref, '2');
    fixture.events.length = 0;
    await fixture.images.push({ ref, tag: '', platform: '', credentials: CREDENTIALS }, fixture.report, never);
    expect(fixture.events).toEqual([{ type: 'image', action: 'push', actorId: ref, attributes: { name: ref } }]);
    await fixture.images.push({ ref, tag: '2', platform: '', credentials: CREDENTIALS }, fixture.report, never);
    expect(fixture.lines).toContain(`${shortDigest(digestOf(tar))} Layer already exists`);

    await fixture.images.remove(id, { force: true, noPrune: false });
    expect(await fixture.leftovers()).toEqual({ blobs: [], ingest: [], layers: [] });
    const options = { fromImage: ref, tag: '', allTags: true, platform: '', credentials: CREDENTIALS };
    await fixture.images.pull(options, fixture.report, never);
    expect(fixture.images.inspect(id)).toMatchObject({
      repoTags: [`${ref}:1`, `${ref}:2`],
      repoDigests: [`${ref}@${pushed.Digest}`],
    });
  });

  it('wants credentials', async () => {
    await expect(pull(`${address}/lib/foo`)).rejects.toThrow('no basic auth credentials');
    const bad = { ...CREDENTIALS, password: 'bad' };
    await expect(pull(`${address}/lib/foo`, '1', { credentials: bad })).rejects.toMatchObject({
      kind: 'unauthorized',
      message: 'unauthorized: authentication required',
    });
    const serverAddress = address;
    expect(await fixture.images.login({ ...CREDENTIALS, serverAddress })).toEqual({
      status: 'Login Succeeded',
      identityToken: '',
    });
    await expect(fixture.images.login({ ...bad, serverAddress })).rejects.toThrow(
      `login attempt to http://${address}/v2/ failed with status: 401 Unauthorized`,
    );
    await expect(pull(`${address}/lib/nosuch`, '1', { credentials: CREDENTIALS })).rejects.toMatchObject({
      kind: 'not-found',
      message: `manifest for ${address}/lib/nosuch:1 not found: manifest unknown: manifest unknown`,
    });
  });
});
