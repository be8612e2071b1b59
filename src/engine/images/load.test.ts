import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ImagesFixture } from '../../../test/support/images-fixture.js';
import { digestHex, digestOf } from '../../shared/digest.js';

const never = new AbortController().signal;
let fixture: ImagesFixture;
let dir: string;

beforeEach(() => {
  fixture = new ImagesFixture();
  dir = mkdtempSync(join(tmpdir(), 'load-'));
});
afterEach(() => {
  fixture[Symbol.dispose]();
  rmSync(dir, { recursive: true });
});

function tarOf(files: Record<string, string>, ...flags: string[]): Buffer {
  const root = mkdtempSync(join(dir, 'tree-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(root, name, '..'), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return execFileSync('tar', ['-C', root, '--sort=name', '--mtime=@0', ...flags, '-c', '.'], { maxBuffer: 1 << 28 });
}

const LAYER_1 = { 'bin/hello': 'x'.repeat(200_000), 'etc/motd': 'hi' };
const LAYER_2 = { data: 'two' };

function configOf(layers: Buffer[]): string {
  return JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    created: '2024-01-02T03:04:05.123456789Z',
    config: { Cmd: ['hello'], Labels: { a: 'b' } },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => digestOf(layer)) },
    history: layers.map((_, i) => ({ created: '2024-01-02T03:04:05Z', created_by: `step ${i}` })),
  });
}

/** A docker-archive with two layers; returns the archive's folder. */
function dockerArchive(name: string, options: { breakDiffId?: boolean } = {}): { root: string; id: string } {
  const layers = [tarOf(LAYER_1), tarOf(LAYER_2)];
  const config = options.breakDiffId ? configOf([layers[1]!, layers[0]!]) : configOf(layers);
  const root = mkdtempSync(join(dir, 'archive-'));
  layers.forEach((layer, i) => {
    mkdirSync(join(root, `l${i}`));
    writeFileSync(join(root, `l${i}/layer.tar`), layer);
  });
  writeFileSync(join(root, 'config.json'), config);
  const manifest = [{ Config: 'config.json', RepoTags: [name], Layers: ['l0/layer.tar', 'l1/layer.tar'] }];
  writeFileSync(join(root, 'manifest.json'), JSON.stringify(manifest));
  return { root, id: digestOf(config) };
}

function load(archive: Buffer): Promise<void> {
  return fixture.images.load(Readable.from([archive]), { quiet: false, platforms: [] }, fixture.report, never);
}

const pack = (root: string, ...flags: string[]): Buffer =>
  execFileSync('tar', ['-C', root, ...flags, '-c', '.'], { maxBuffer: 1 << 28 });

describe('load', () => {
  it.each(['', '--gzip', '--zstd', '--xz', '--bzip2'])('reads a docker-archive %s', async (flag) => {
    const { root, id } = dockerArchive('foo:1');
    await load(pack(root, ...(flag === '' ? [] : [flag])));
    expect(fixture.lines.at(-1)).toBe('Loaded image: foo:1\n');
    const image = fixture.images.inspect('foo:1');
    expect(image).toMatchObject({ id, repoTags: ['foo:1'], sizeBytes: 200_005, config: { cmd: ['hello'] } });
    const layer = fixture.layers.get(image.chainIds[0] ?? '');
    expect(readFileSync(join(layer.directory, 'etc/motd'), 'utf8')).toBe('hi');
    expect(fixture.events).toEqual([{ type: 'image', action: 'load', actorId: id, attributes: { a: 'b', name: id } }]);
    expect((await fixture.leftovers()).ingest).toEqual([]);
    fixture.reopen();
    expect(fixture.images.inspect(id.slice(7, 12))).toEqual(image);
  });

  it('follows links that stand for repeated layers', async () => {
    const layer = tarOf(LAYER_2);
    const config = configOf([layer, layer]);
    const root = mkdtempSync(join(dir, 'links-'));
    for (const name of ['a', 'b']) mkdirSync(join(root, name));
    writeFileSync(join(root, 'b/layer.tar'), layer);
    symlinkSync('../b/layer.tar', join(root, 'a/layer.tar'));
    writeFileSync(join(root, 'c.json'), config);
    writeFileSync(
      join(root, 'manifest.json'),
      JSON.stringify([{ Config: 'c.json', RepoTags: null, Layers: ['a/layer.tar', 'b/layer.tar'] }]),
    );
    await load(pack(root));
    expect(fixture.lines.at(-1)).toBe(`Loaded image ID: ${digestOf(config)}\n`);
    expect((await fixture.leftovers()).layers).toHaveLength(2);
  });

  it('reads what docker save wrote before 1.10', async () => {
    const root = mkdtempSync(join(dir, 'v1-'));
    const layers = [tarOf(LAYER_1), tarOf(LAYER_2)];
    ['base', 'top'].forEach((name, i) => {
      mkdirSync(join(root, name));
      writeFileSync(join(root, name, 'layer.tar'), layers[i]!);
      const json = { id: name, created: '2014-01-01T00:00:00Z', os: 'linux', architecture: 'amd64' };
      const more = i === 0 ? {} : { parent: 'base', config: { Cmd: ['x'] } };
      writeFileSync(join(root, name, 'json'), JSON.stringify({ ...json, ...more }));
    });
    writeFileSync(join(root, 'repositories'), JSON.stringify({ old: { '1': 'top' } }));
    await load(pack(root));
    expect(fixture.images.inspect('old:1')).toMatchObject({
      diffIds: layers.map((layer) => digestOf(layer)),
      config: { cmd: ['x'] },
    });
  });

  it('reads an OCI layout and keeps its manifest', async () => {
    const root = mkdtempSync(join(dir, 'oci-'));
    mkdirSync(join(root, 'blobs/sha256'), { recursive: true });
    const put = (bytes: Buffer): { digest: string; size: number } => {
      const digest = digestOf(bytes);
      writeFileSync(join(root, 'blobs/sha256', digestHex(digest)), bytes);
      return { digest, size: bytes.length };
    };
    const plain = tarOf(LAYER_1);
    const layer = put(tarOf(LAYER_1, '--gzip'));
    const config = put(Buffer.from(configOf([plain])));
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const manifest = put(
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType,
          config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
          layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', ...layer }],
        }),
      ),
    );
    const annotations = { 'io.containerd.image.name': 'docker.io/library/oci:2' };
    writeFileSync(
      join(root, 'index.json'),
      JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType, ...manifest, annotations }] }),
    );
    await load(pack(root));
    expect(fixture.images.inspect('oci:2').descriptor).toMatchObject({ digest: manifest.digest });
    expect(await fixture.content.has(manifest.digest)).toBe(true);
    expect(await fixture.content.has(layer.digest)).toBe(true);
  });

  it.each([
    ['garbage', () => Buffer.from('garbage garbage'), 'unexpected EOF'],
    ['a cut archive', () => pack(dockerArchive('a:1').root).subarray(0, 100_000), 'unexpected EOF'],
    ['no images', () => tarOf({ x: 'y' }), 'does not contain a manifest.json'],
    ['a wrong layer', () => pack(dockerArchive('a:1', { breakDiffId: true }).root), /diff/i],
    ['a bad manifest', () => tarOf({ 'manifest.json': '{' }), 'invalid manifest.json'],
    ['a missing config', () => tarOf({ 'manifest.json': '[{"Config":"../../../etc/passwd"}]' }), 'no such file'],
  ])('refuses %s and leaves nothing', async (_name, archive, message) => {
    await expect(load(archive())).rejects.toThrow(message);
    expect(await fixture.leftovers()).toEqual({ blobs: [], ingest: [], layers: [] });
    expect(await fixture.images.list({ all: true, filters: new Map(), sharedSize: false })).toEqual([]);
  });

  it('leaves nothing when it is cancelled', async () => {
    const abort = new AbortController();
    const archive = pack(dockerArchive('a:1').root);
    const source = Readable.from(
      (async function* () {
        yield archive.subarray(0, 150_000);
        abort.abort();
        yield archive.subarray(150_000);
      })(),
    );
    await expect(
      fixture.images.load(source, { quiet: true, platforms: [] }, fixture.report, abort.signal),
    ).rejects.toMatchObject({ name: 'AbortError' });
    expect(await fixture.leftovers()).toEqual({ blobs: [], ingest: [], layers: [] });
  });
});

describe('save', () => {
  const save = async (...refs: string[]): Promise<Buffer> =>
    Buffer.concat(await (await fixture.images.save(refs, { platforms: [] }, never)).toArray());

  it('gives the same bytes each time, and comes back as the same image', async () => {
    const { root, id } = dockerArchive('foo:1');
    await load(pack(root));
    fixture.images.tag('foo:1', 'foo', '2');
    const saved = await save('foo');
    expect(await save('foo')).toEqual(saved);
    writeFileSync(join(dir, 'saved.tar'), saved);
    const read = (name: string): unknown =>
      JSON.parse(execFileSync('tar', ['-xOf', join(dir, 'saved.tar'), name], { encoding: 'utf8' }));
    expect(read('manifest.json')).toMatchObject([
      { Config: `blobs/sha256/${id.slice(7)}`, RepoTags: ['foo:1', 'foo:2'] },
    ]);
    await fixture.images.remove(id, { force: true, noPrune: false });
    expect(await fixture.leftovers()).toEqual({ blobs: [], ingest: [], layers: [] });
    await load(saved);
    expect(fixture.images.inspect('foo:2').id).toBe(id);
  });

  it('does not know what is not there', async () => {
    await expect(save('nosuch')).rejects.toMatchObject({ kind: 'not-found', message: 'No such image: nosuch' });
  });
});

describe('import', () => {
  it('makes an image of an archive, with changes', async () => {
    const id = await fixture.images.import(
      {
        source: Readable.from([tarOf(LAYER_1, '--gzip')]),
        repo: 'imp',
        tag: 't',
        message: '',
        changes: ['CMD ["x"]', 'ENV a=b'],
        platform: '',
      },
      fixture.report,
      never,
    );
    expect(fixture.progress).toEqual([{ status: id }]);
    expect(fixture.images.inspect('imp:t')).toMatchObject({
      id,
      comment: 'Imported from -',
      diffIds: [digestOf(tarOf(LAYER_1))],
      config: { cmd: ['x'], env: ['a=b'] },
    });
    expect(fixture.events.map((event) => [event.action, event.attributes['name']])).toEqual([
      ['tag', 'imp:t'],
      ['import', id],
    ]);
  });

  it('names the tag that is part of the name once, and refuses what cannot run here', async () => {
    const options = { repo: 'imp:2', tag: '', message: '', changes: [], platform: '' };
    await fixture.images.import({ ...options, source: Readable.from([tarOf(LAYER_1)]) }, fixture.report, never);
    expect(fixture.events[0]?.attributes['name']).toBe('imp:2');
    for (const platform of ['windows', 'freebsd/amd64']) {
      const source = Readable.from([tarOf(LAYER_1)]);
      await expect(
        fixture.images.import({ ...options, platform, source }, fixture.report, never),
      ).rejects.toMatchObject({ kind: 'invalid', message: 'operating system is not supported' });
    }
  });

  it('leaves nothing of garbage', async () => {
    const source = Readable.from([Buffer.from('garbage')]);
    const options = { source, repo: '', tag: '', message: '', changes: [], platform: '' };
    await expect(fixture.images.import(options, fixture.report, never)).rejects.toThrow('unexpected EOF');
    expect(await fixture.leftovers()).toEqual({ blobs: [], ingest: [], layers: [] });
  });
});
