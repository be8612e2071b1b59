import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ImagesFixture } from '../../../test/support/images-fixture.js';
import { OciLayout, type OciDescriptor } from '../../../test/support/oci-layout.js';
import { noise, tarOf } from '../../../test/support/test-images.js';

const HOST = process.arch === 'x64' ? 'amd64' : process.arch;
const never = new AbortController().signal;
let fixture: ImagesFixture;
let layout: OciLayout;
let image: OciDescriptor & { config: string };

beforeEach(async () => {
  fixture = new ImagesFixture();
  layout = new OciLayout();
  image = layout.image(HOST, [await tarOf({ file: noise('file', 1000) })]);
});
afterEach(() => fixture[Symbol.dispose]());

async function load(top: OciDescriptor, name = 'docker.io/library/x:1'): Promise<void> {
  layout.add(top, name);
  const source = Readable.from([await layout.tar()], { objectMode: false });
  await fixture.images.load(source, { quiet: true, platforms: [] }, fixture.report, never);
}

const blobs = async (): Promise<string[]> => (await fixture.leftovers()).blobs.map((hex) => `sha256:${hex}`);

it('keeps what an index names beside images, whatever it is', async () => {
  const index = layout.index([layout.artifact(), image, layout.loose('readme')]);
  await load(index);
  expect(fixture.images.inspect('x:1')).toMatchObject({ id: image.config, descriptor: { digest: index.digest } });
  // The configuration is in the database.
  expect(await blobs()).toEqual([...layout.blobs.keys()].filter((digest) => digest !== image.config).sort());
  await fixture.images.remove('x:1', { force: false, noPrune: false });
  expect(await fixture.leftovers()).toEqual({ blobs: [], ingest: [], layers: [] });
});

it('knows what it kept after a restart, and keeps what two images share until both are gone', async () => {
  const other = layout.image(HOST, [await tarOf({ file: noise('other', 1000) })]);
  const [shared] = [layout.loose('shared')];
  await load(layout.index([image, shared]));
  await load(layout.index([other, shared]), 'docker.io/library/y:1');
  fixture.reopen();
  await fixture.images.sweep();
  expect(await fixture.images.manifests(fixture.images.inspect('x:1'))).toMatchObject([{ available: true }, {}]);
  await fixture.images.remove('x:1', { force: false, noPrune: false });
  expect(await blobs()).toContain(shared.digest);
  await fixture.images.remove('y:1', { force: false, noPrune: false });
  expect(await fixture.leftovers()).toEqual({ blobs: [], ingest: [], layers: [] });
});

it('keeps a layer in the form that the manifest names beside the one that is there', async () => {
  const plain = await tarOf({ file: noise('file', 1000) });
  await fixture.images.import(
    {
      source: Readable.from([plain], { objectMode: false }),
      repo: 'plain',
      tag: '1',
      message: '',
      changes: [],
      platform: '',
    },
    fixture.report,
    never,
  );
  await load(image);
  const saved = await fixture.images.save(['x:1'], { platforms: [] }, never);
  const chunks: Buffer[] = [];
  for await (const chunk of saved) chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks).includes(image.digest.slice(7))).toBe(true);
  await fixture.images.remove('plain:1', { force: false, noPrune: false });
  expect(await fixture.images.manifests(fixture.images.inspect('x:1'))).toMatchObject([{ available: true }]);
});

it('is not kept busy by an index that names the same again and again, on every level', async () => {
  let top: OciDescriptor = image;
  for (let level = 0; level < 3; level++) top = layout.index(Array.from({ length: 60 }, () => top));
  await load(top);
  expect(fixture.images.inspect('x:1').id).toBe(image.config);
  expect(await fixture.images.manifests(fixture.images.inspect('x:1'))).toMatchObject([{ available: true }]);
});

it('does not follow indexes for ever', async () => {
  let top: OciDescriptor = image;
  for (let level = 0; level < 10; level++) top = layout.index([top]);
  await expect(load(top)).rejects.toThrow('invalid archive: an index without an image');
  expect(await fixture.leftovers()).toEqual({ blobs: [], ingest: [], layers: [] });
});

it('refuses an index of which nothing is an image, and keeps nothing of it', async () => {
  await expect(load(layout.index([layout.artifact(), layout.loose('readme')]))).rejects.toThrow(
    'invalid archive: an index without an image',
  );
  expect(await fixture.leftovers()).toEqual({ blobs: [], ingest: [], layers: [] });
});

it('takes an archive of another machine, whose manifest.json is about its own platform, for one image', async () => {
  const foreign = layout.image(HOST === 's390x' ? 'amd64' : 's390x', [await tarOf({ foreign: 'foreign' })]);
  layout.add(layout.index([image, foreign]), 'docker.io/library/x:1');
  const blob = (digest: string): string => `blobs/sha256/${digest.slice(7)}`;
  const layers = JSON.parse(layout.blobs.get(foreign.digest)?.toString() ?? '') as { layers: { digest: string }[] };
  const listed = {
    Config: blob(foreign.config),
    RepoTags: ['x:1', 'x:2'],
    Layers: layers.layers.map(({ digest }) => blob(digest)),
  };
  const archive = await layout.tar([], { 'manifest.json': JSON.stringify([listed]) });
  const source = Readable.from([archive], { objectMode: false });
  await fixture.images.load(source, { quiet: true, platforms: [] }, fixture.report, never);
  const all = await fixture.images.list({ all: true, filters: new Map(), sharedSize: false });
  expect(all.map((row) => [row.image.id, row.image.repoTags])).toEqual([[image.config, ['x:1', 'x:2']]]);
});

it('saves for another platform only by a name whose index has it', async () => {
  const other = HOST === 's390x' ? 'amd64' : 's390x';
  const foreign = layout.image(other, [await tarOf({ foreign: 'foreign' })]);
  layout.add(layout.index([image, foreign]), 'docker.io/library/whole:1');
  await load(image);
  const save = async (name: string): Promise<void> => {
    const saved = await fixture.images.save([name], { platforms: [`linux/${other}`] }, never);
    saved.destroy();
  };
  await save('whole:1');
  await expect(save('x:1')).rejects.toThrow(`no suitable export target found for platform linux/${other}`);
});
