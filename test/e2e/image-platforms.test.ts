import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runOk } from '../support/command.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { LocalRegistry } from '../support/local-registry.js';
import { dockerArchive, noise, sha256, skopeoPush, tarOf } from '../support/test-images.js';

const suite = daemonSuite();
const docker = (...args: string[]) => suite.daemon.docker(args);
const ok = (...args: string[]) => suite.daemon.ok(...args);
const HOST = process.arch === 'x64' ? 'amd64' : process.arch;
const platform = (architecture: string) => encodeURIComponent(JSON.stringify({ os: 'linux', architecture }));

describe('an image that is for another platform than asked for', () => {
  const ref = 'plain:1';
  const words = `was found but its platform (linux/${HOST}) does not match the specified platform (linux/s390x)`;
  beforeAll(async () => {
    await suite.daemon.docker(['import', '-', ref], { input: await tarOf({ file: 'content' }) });
  });

  it.each([
    ['GET', `/v1.51/images/${ref}/json?platform=`],
    ['GET', `/v1.51/images/${ref}/history?platform=`],
    ['POST', `/v1.51/images/${ref}/push?platform=`],
    ['DELETE', `/v1.51/images/${ref}?platforms=`],
  ])('is not found by %s %s', async (method, path) => {
    const other = await suite.daemon.api.call(method, path + platform('s390x'));
    expect([other.status, other.json.message]).toEqual([404, expect.stringContaining(words)]);
    const bad = await suite.daemon.api.call(method, `${path}linux/s390x`);
    expect(bad.status).toBe(400);
    expect(bad.json.message).toBe("failed to parse platform: invalid character 'l' looking for beginning of value");
    const half = await suite.daemon.api.call(method, `${path}${encodeURIComponent('{"os":"linux"}')}`);
    expect([half.status, half.json.message]).toEqual([400, 'both OS and Architecture must be provided']);
  });

  it('can not be saved for it', async () => {
    const other = await suite.daemon.api.get(`/v1.51/images/${ref}/get?platform=${platform('s390x')}`);
    expect([other.status, other.json.message]).toEqual([
      500,
      'no suitable export target found for platform linux/s390x',
    ]);
    const two = await suite.daemon.api.get(
      `/v1.51/images/get?names=${ref}&platform=${platform('s390x')}&platform=${platform(HOST)}`,
    );
    expect([two.status, two.json.message]).toEqual([400, 'multiple platform parameters not supported']);
    const own = await suite.daemon.api.open('GET', `/v1.51/images/${ref}/get?platform=${platform(HOST)}`);
    expect(own.statusCode).toBe(200);
    own.resume();
  });

  it('is removed when it is for the right one', async () => {
    await ok('tag', ref, 'plain:2');
    const reply = await suite.daemon.api.delete(`/v1.51/images/plain:2?platforms=${platform(HOST)}`);
    expect(reply.json).toEqual([{ Untagged: 'plain:2' }]);
  });
});

describe.skipIf(process.env['WHARF_TEST_TARGET'])('skopeo', () => {
  it('reads and writes images of the daemon with the same id', async () => {
    const { daemon } = suite;
    const file = join(daemon.dir, 'from.tar');
    writeFileSync(
      file,
      await dockerArchive([await tarOf({ a: noise('a', 50_000) }), await tarOf({ b: 'b' })], ['sk:1'], {
        labels: { from: 'skopeo' },
      }),
    );
    const host = ['--dest-daemon-host', `unix://${daemon.socketPath}`];
    await runOk('skopeo', ['copy', '-q', '--insecure-policy', ...host, `docker-archive:${file}`, 'docker-daemon:sk:1']);
    const id = await ok('image', 'inspect', '-f', '{{.Id}} {{index .Config.Labels "from"}}', 'sk:1');
    const back = join(daemon.dir, 'back.tar');
    const from = ['--src-daemon-host', `unix://${daemon.socketPath}`];
    await runOk('skopeo', [
      'copy',
      '-q',
      '--insecure-policy',
      ...from,
      'docker-daemon:sk:1',
      `docker-archive:${back}:sk:2`,
    ]);
    expect(existsSync(back)).toBe(true);
    await ok('rmi', 'sk:1');
    expect(await ok('load', '-i', back)).toContain('Loaded image: sk:2');
    expect(await ok('image', 'inspect', '-f', '{{.Id}} {{index .Config.Labels "from"}}', 'sk:2')).toBe(id);
    const layout = join(daemon.dir, 'layout');
    await runOk('skopeo', ['copy', '-q', '--insecure-policy', ...from, 'docker-daemon:sk:2', `oci:${layout}:sk`]);
    await ok('rmi', 'sk:2');
    const tar = join(daemon.dir, 'layout.tar');
    await runOk('tar', ['-C', layout, '-cf', tar, '.']);
    const loaded = await ok('load', '-i', tar);
    expect(loaded).toContain('Loaded image ID: sha256:');
  });
});

describe.skipIf(process.env['WHARF_TEST_TARGET'])('an image of an index', () => {
  let registry: LocalRegistry;
  let index: string;
  const digests: Record<string, string> = {};
  const name = '127.0.0.1:5000/multi/app';

  beforeAll(async () => {
    const { daemon } = suite;
    registry = await LocalRegistry.start(daemon);
    const type = 'application/vnd.docker.distribution.manifest.v2+json';
    const curl = (...args: string[]) => daemon.holder.run(['curl', '-s', ...args]);
    const base = 'http://127.0.0.1:5000/v2/multi/app/manifests';
    const entries: object[] = [];
    for (const architecture of [HOST, 's390x']) {
      const archive = await dockerArchive([await tarOf({ [architecture]: noise(architecture, 30_000) })], ['x:1'], {
        architecture,
      });
      await skopeoPush(daemon, archive, `${name}:${architecture}`);
      const manifest = (await curl('-H', `Accept: ${type}`, `${base}/${architecture}`)).stdout;
      digests[architecture] = `sha256:${sha256(manifest)}`;
      const size = Buffer.byteLength(manifest);
      entries.push({ mediaType: type, digest: digests[architecture], size, platform: { os: 'linux', architecture } });
    }
    const indexType = 'application/vnd.oci.image.index.v1+json';
    index = JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: entries });
    const file = join(daemon.dir, 'index.json');
    writeFileSync(file, index);
    await curl('-X', 'PUT', '-H', `Content-Type: ${indexType}`, '--data-binary', `@${file}`, `${base}/1`);
  });
  afterAll(() => registry?.[Symbol.asyncDispose]());

  it('shows what it is made of, and what is not here', async () => {
    await ok('pull', `${name}:1`);
    const rows = (await suite.daemon.api.get('/v1.47/images/json?manifests=1')).json as Record<string, any>[];
    const row = rows.find(({ RepoTags }) => (RepoTags as string[]).includes(`${name}:1`))!;
    expect(row['Manifests']).toEqual([
      {
        ID: digests[HOST],
        Descriptor: expect.objectContaining({ digest: digests[HOST] }),
        Available: true,
        Kind: 'image',
        Size: { Content: expect.any(Number), Total: expect.any(Number) },
        ImageData: {
          Platform: { os: 'linux', architecture: HOST },
          Size: { Unpacked: row['Size'] },
          Containers: [],
        },
      },
      expect.objectContaining({ ID: digests['s390x'], Available: false, Size: { Content: 0, Total: 0 } }),
    ]);
    const [first] = row['Manifests'] as { Size: { Content: number; Total: number } }[];
    expect(first!.Size.Total).toBe(first!.Size.Content + (row['Size'] as number));
    const one = (await suite.daemon.api.get(`/v1.48/images/${name}:1/json?manifests=1`)).json;
    expect(one.Manifests).toEqual(row['Manifests']);
    expect((await suite.daemon.api.get(`/v1.47/images/${name}:1/json?manifests=1`)).json).not.toHaveProperty(
      'Manifests',
    );
    const both = await suite.daemon.api.get(`/v1.49/images/${name}:1/json?manifests=1&platform=${platform(HOST)}`);
    expect(both.status).toBe(400);
    expect((await docker('images', '--tree')).stdout).toContain(`linux/${HOST}`);
    await ok('rmi', `${name}:1`);
  });

  it('is chosen by platform, and named by the digest of the index', async () => {
    const out = await ok('pull', '--platform', 'linux/s390x', `${name}:1`);
    expect(out).toContain(`Digest: sha256:${sha256(index)}`);
    expect(await ok('image', 'inspect', '-f', '{{.Architecture}} {{index .RepoDigests 0}}', `${name}:1`)).toBe(
      `s390x ${name}@sha256:${sha256(index)}`,
    );
    await ok('pull', `${name}@sha256:${sha256(index)}`);
    expect(await ok('image', 'inspect', '-f', '{{.Architecture}}', `${name}@sha256:${sha256(index)}`)).toBe(HOST);
    const none = await docker('pull', '--platform', 'linux/riscv64', `${name}:1`);
    expect(none.stderr).toContain('no matching manifest for linux/riscv64 in the manifest list entries');
    const distribution = await suite.daemon.api.get(`/distribution/${name}:1/json`);
    expect(distribution.json.Platforms).toEqual([
      { os: 'linux', architecture: HOST },
      { os: 'linux', architecture: 's390x' },
    ]);
  });
});
