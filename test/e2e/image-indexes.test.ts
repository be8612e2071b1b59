import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { extract } from 'tar-stream';
import { busyboxTar } from '../support/busybox-image.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { LocalRegistry } from '../support/local-registry.js';
import { OciLayout, type OciDescriptor } from '../support/oci-layout.js';
import { noise, sha256, tarOf } from '../support/test-images.js';

const suite = daemonSuite({ image: false });
const docker = (...args: string[]) => suite.daemon.docker(args);
const ok = (...args: string[]) => suite.daemon.ok(...args);
const HOST = process.arch === 'x64' ? 'amd64' : process.arch;
const OTHER = HOST === 's390x' ? 'amd64' : 's390x';
const REGISTRY = '127.0.0.1:5000';
const platform = (architecture: string) => encodeURIComponent(JSON.stringify({ os: 'linux', architecture }));

/** Files of a saved archive. */
async function filesOf(path: string): Promise<Map<string, Buffer>> {
  const reply = await suite.daemon.api.open('GET', path);
  expect(reply.statusCode).toBe(200);
  const files = new Map<string, Buffer>();
  const reader = reply.pipe(extract());
  for await (const entry of reader) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    files.set(entry.header.name, Buffer.concat(chunks));
  }
  return files;
}

const json = (files: Map<string, Buffer>, name: string): any => JSON.parse(files.get(name)!.toString());
const blobsOf = (files: Map<string, Buffer>): string[] =>
  [...files.keys()]
    .filter((name) => /^blobs\/sha256\/./.test(name))
    .map((name) => `sha256:${name.slice(13)}`)
    .sort();

describe.skipIf(process.env['WHARF_TEST_TARGET'])('an index', () => {
  const layout = new OciLayout();
  let registry: LocalRegistry;
  let own: OciDescriptor & { config: string };
  let other: OciDescriptor & { config: string };
  let attestation: OciDescriptor;
  let index: OciDescriptor;
  let archive: Buffer;
  let pushed: string;

  const load = async (bytes: Buffer, ...flags: string[]): Promise<string> => {
    const result = await suite.daemon.docker(['load', ...flags], { input: bytes });
    expect(result.code, result.stderr).toBe(0);
    return result.stdout;
  };
  const inRegistry = async (name: string, reference: string): Promise<string> => {
    const types = ['index.v1+json', 'manifest.v1+json'].map((type) => `application/vnd.oci.image.${type}`).join(',');
    const url = `http://${REGISTRY}/v2/${name}/manifests/${reference}`;
    const reply = await suite.daemon.holder.run(['curl', '-sf', '-H', `Accept: ${types}`, url]);
    return reply.code === 0 ? `sha256:${sha256(reply.stdout)}` : '';
  };
  const manifests = async (ref: string) =>
    ((await suite.daemon.api.get(`/v1.48/images/${ref}/json?manifests=1`)).json.Manifests as Record<string, any>[]).map(
      ({ ID, Kind, Available }) => [ID, Kind, Available],
    );

  beforeAll(async () => {
    registry = await LocalRegistry.start(suite.daemon);
    own = layout.image(HOST, [busyboxTar(), await tarOf({ own: noise('own', 40_000) })]);
    other = layout.image(OTHER, [await tarOf({ other: noise('other', 40_000) })]);
    attestation = layout.attestation(own);
    index = layout.index([own, other, attestation]);
    layout.add(index, 'docker.io/library/multi:1');
    archive = await layout.tar();
    expect(await load(archive)).toContain('Loaded image: multi:1');
  });
  afterAll(() => registry?.[Symbol.asyncDispose]());

  it('runs as the image for this machine, whose id is the digest of its configuration', async () => {
    const format = '{{.Id}} {{.Architecture}} {{index .RepoDigests 0}}';
    expect(await ok('image', 'inspect', '-f', format, 'multi:1')).toBe(`${own.config} ${HOST} multi@${index.digest}`);
    expect(await ok('run', '--rm', 'multi:1', 'sh', '-c', 'wc -c < /own')).toBe('40000');
    expect((await ok('images', '-q')).split('\n')).toHaveLength(1);
  });

  it('shows what it has for other platforms, and what attests it', async () => {
    expect(await manifests('multi:1')).toEqual([
      [own.digest, 'image', true],
      [other.digest, 'image', true],
      [attestation.digest, 'attestation', true],
    ]);
    const inspect = await suite.daemon.api.get(`/v1.49/images/multi:1/json?platform=${platform(OTHER)}`);
    expect(inspect.json).toMatchObject({
      Id: other.config,
      Architecture: OTHER,
      RepoTags: ['multi:1'],
      Config: { Labels: { architecture: OTHER } },
      Descriptor: { digest: other.digest },
    });
    const history = await suite.daemon.api.get(`/v1.48/images/multi:1/history?platform=${platform(OTHER)}`);
    expect(history.json).toEqual([expect.objectContaining({ Id: other.config, CreatedBy: `made for ${OTHER}` })]);
    const none = await suite.daemon.api.get(`/v1.49/images/multi:1/json?platform=${platform('riscv64')}`);
    expect([none.status, none.json.message]).toEqual([
      404,
      'image with reference multi:1 was found but does not provide the specified platform (linux/riscv64)',
    ]);
  });

  it('tells what is attested of it', async () => {
    const ask = async (query: string) =>
      (await suite.daemon.api.get(`/v1.55/images/multi:1/attestations?${query}`)).json;
    const predicate = 'https://slsa.dev/provenance/v0.2';
    const entry = {
      Descriptor: expect.objectContaining({ mediaType: 'application/vnd.in-toto+json' }),
      PredicateType: predicate,
    };
    expect(await ask('')).toEqual([entry]);
    expect(await ask(`type=${predicate}&type=x&statement=1`)).toEqual([
      { ...entry, Statement: { _type: 'https://in-toto.io/Statement/v0.1', subject: [{ name: own.digest }] } },
    ]);
    expect(await ask('type=x')).toEqual([]);
    expect(await ask(`platform=${platform(OTHER)}`)).toEqual([]);
    expect((await ask(`platform=${platform('riscv64')}`)).message).toContain('does not provide the specified platform');
    expect((await ask('platform=x')).message).toContain('failed to parse platform');
    expect((await suite.daemon.api.get('/v1.55/images/none/attestations')).status).toBe(404);
  });

  it('is saved whole, and what is loaded of that is the same', async () => {
    const files = await filesOf('/images/get?names=multi:1');
    expect(blobsOf(files)).toEqual([...layout.blobs.keys()].sort());
    for (const digest of blobsOf(files))
      expect(sha256(files.get(`blobs/sha256/${digest.slice(7)}`)!)).toBe(digest.slice(7));
    expect(json(files, 'index.json').manifests).toEqual([
      {
        mediaType: index.mediaType,
        digest: index.digest,
        size: index.size,
        annotations: {
          'io.containerd.image.name': 'docker.io/library/multi:1',
          'org.opencontainers.image.ref.name': '1',
        },
      },
    ]);
    expect(json(files, 'manifest.json')).toMatchObject([
      { Config: `blobs/sha256/${own.config.slice(7)}`, RepoTags: ['multi:1'] },
    ]);
    const byId = await filesOf(`/images/get?names=${own.config}`);
    expect(json(byId, 'index.json').manifests).toEqual([
      { mediaType: index.mediaType, digest: index.digest, size: index.size },
    ]);
    await ok('rmi', 'multi:1');
    const saved = await tarOf(Object.fromEntries(files));
    expect(await load(saved, '--platform', `linux/${OTHER}`)).toBe('Loaded image: multi:1\n');
    expect(await ok('image', 'inspect', '-f', '{{.Id}}', 'multi:1')).toBe(other.config);
    await ok('rmi', 'multi:1');
    expect(await load(saved)).toBe('Loaded image: multi:1\n');
    expect(await ok('image', 'inspect', '-f', '{{.Id}} {{.Descriptor.digest}}', 'multi:1')).toBe(
      `${own.config} ${index.digest}`,
    );
    expect((await manifests('multi:1')).every(([, , available]) => available)).toBe(true);
  });

  it('is saved for one platform as that image', async () => {
    const files = await filesOf(`/v1.48/images/multi:1/get?platform=${platform(OTHER)}`);
    expect(json(files, 'index.json').manifests).toMatchObject([
      { digest: other.digest, platform: { os: 'linux', architecture: OTHER } },
    ]);
    expect(json(files, 'manifest.json')).toMatchObject([{ Config: `blobs/sha256/${other.config.slice(7)}` }]);
    expect(blobsOf(files)).not.toContain(own.config);
  });

  it('is pushed whole with its digests, or for one platform', async () => {
    await ok('tag', 'multi:1', `${REGISTRY}/team/multi:1`);
    pushed = await ok('push', `${REGISTRY}/team/multi:1`);
    expect(pushed).toContain(`1: digest: ${index.digest} size: ${index.size}`);
    expect(await inRegistry('team/multi', '1')).toBe(index.digest);
    expect(await inRegistry('team/multi', attestation.digest)).toBe(attestation.digest);
    await ok('tag', 'multi:1', `${REGISTRY}/team/other:1`);
    const one = await suite.daemon.api.call(
      'POST',
      `/v1.46/images/${REGISTRY}/team/other/push?tag=1&platform=${platform(OTHER)}`,
      undefined,
      { 'X-Registry-Auth': 'e30=' },
    );
    expect(one.text).toContain(`1: digest: ${other.digest}`);
    expect(await inRegistry('team/other', '1')).toBe(other.digest);
    const digests = await ok('image', 'inspect', '-f', '{{json .RepoDigests}}', 'multi:1');
    expect(digests).not.toContain(other.digest);
    await ok('rmi', `${REGISTRY}/team/multi:1`, `${REGISTRY}/team/other:1`);
  });

  it('loses what it has for another platform only by force', async () => {
    const path = `/v1.50/images/multi:1?platforms=${platform(OTHER)}`;
    const refused = await suite.daemon.api.delete(path);
    expect([refused.status, refused.json.message]).toEqual([
      400,
      'Content will be removed from all images referencing this variant. Use —-force to force delete.',
    ]);
    expect((await suite.daemon.api.delete(`${path}&force=1`)).json).toEqual([{ Deleted: other.digest }]);
    expect(await manifests('multi:1')).toEqual([
      [own.digest, 'image', true],
      [other.digest, 'image', false],
      [attestation.digest, 'attestation', true],
    ]);
    expect(blobsOf(await filesOf('/images/get?names=multi:1'))).not.toContain(other.digest);
    expect(await ok('run', '--rm', 'multi:1', 'echo', 'still')).toBe('still');
  });

  it('is pushed as the image for this machine when the rest is not here, and says so', async () => {
    await ok('rmi', 'multi:1');
    await ok('pull', `${REGISTRY}/team/multi:1`);
    await ok('tag', `${REGISTRY}/team/multi:1`, `${REGISTRY}/team/part:1`);
    const reply = await suite.daemon.api.call('POST', `/images/${REGISTRY}/team/part/push?tag=1`, undefined, {
      'X-Registry-Auth': 'e30=',
    });
    const lines = reply.text.trim().split(/\r?\n/);
    expect(JSON.parse(lines[1]!)).toEqual({
      progressDetail: {},
      aux: {
        manifestPushedInsteadOfIndex: true,
        originalIndex: { mediaType: index.mediaType, digest: index.digest, size: index.size },
        selectedManifest: {
          mediaType: own.mediaType,
          digest: own.digest,
          size: own.size,
          platform: { os: 'linux', architecture: HOST },
        },
      },
    });
    expect(await inRegistry('team/part', '1')).toBe(own.digest);
    await ok('rmi', `${REGISTRY}/team/multi:1`, `${REGISTRY}/team/part:1`);
  });

  it('of one platform with attestations is complete when it was pulled', async () => {
    const attested = new OciLayout();
    const image = attested.image(HOST, [await tarOf({ attested: noise('attested', 20_000) })]);
    const about = attested.attestation(image);
    const top = attested.index([image, about]);
    attested.add(top, `${REGISTRY}/team/attested:1`);
    await load(await attested.tar());
    await ok('push', `${REGISTRY}/team/attested:1`);
    await ok('rmi', `${REGISTRY}/team/attested:1`);
    await ok('pull', `${REGISTRY}/team/attested:1`);
    expect(await manifests(`${REGISTRY}/team/attested:1`)).toEqual([
      [image.digest, 'image', true],
      [about.digest, 'attestation', true],
    ]);
    await ok('tag', `${REGISTRY}/team/attested:1`, `${REGISTRY}/team/again:1`);
    expect(await ok('push', `${REGISTRY}/team/again:1`)).toContain(`1: digest: ${top.digest}`);
    const files = await filesOf(`/images/${REGISTRY}/team/again:1/get`);
    expect(blobsOf(files)).toEqual([...attested.blobs.keys()].sort());
    await ok('rmi', `${REGISTRY}/team/attested:1`, `${REGISTRY}/team/again:1`);
  });

  it('is loaded for the wanted platform only, and without what is not in the archive', async () => {
    expect(await load(archive, '--platform', `linux/${OTHER}`)).toBe('Loaded image: multi:1\n');
    expect(await ok('image', 'inspect', '-f', '{{.Id}}', 'multi:1')).toBe(other.config);
    expect((await manifests('multi:1')).map(([, , available]) => available)).toEqual([false, true, false]);
    await ok('rmi', 'multi:1');
    expect(await load(await layout.tar([other.digest, other.config]))).toBe('Loaded image: multi:1\n');
    expect((await manifests('multi:1')).map(([, , available]) => available)).toEqual([true, false, true]);
    const wrong = await suite.daemon.docker(['load', '--platform', 'linux/riscv64'], { input: archive });
    expect(wrong.stderr).toContain('no image in the archive matches the requested platform');
    const bad = new OciLayout();
    bad.add(bad.index([bad.image(HOST, [await tarOf({ bad: 'bad' })])]), 'docker.io/library/bad:1');
    const [first] = bad.blobs.keys();
    bad.blobs.set(first!, Buffer.from('another'));
    const refused = await suite.daemon.docker(['load'], { input: await bad.tar() });
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain(`wrong digest of ${first}`);
    expect((await docker('image', 'inspect', 'bad:1')).code).not.toBe(0);
  });

  it('leaves nothing behind', async () => {
    await ok('rmi', 'multi:1');
    const blobs = readdirSync(join(suite.daemon.dataRoot, 'content/blobs/sha256'));
    const ingest = readdirSync(join(suite.daemon.dataRoot, 'content/ingest')).filter(
      (name) => !name.endsWith('.partial'),
    );
    expect([await ok('images', '-qa'), blobs, ingest]).toEqual(['', [], []]);
  });
});
