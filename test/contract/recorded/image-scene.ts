import { createHash } from 'node:crypto';
import type { ApiClient } from '../../support/api-client.js';
import { busyboxTar } from '../../support/busybox-image.js';
import { noise, sha256, tarOf } from '../../support/test-images.js';
import { createdId, expectStatus, SceneNames } from './scene-names.js';

/** Everything in the scene has this in its name, so that it can be told from what else a daemon has. */
const PREFIX = 'imgs-';

interface SceneImage {
  tags: string[];
  created: string;
  labels: Record<string, string>;
  /** Names of layers, bottom first. */
  layers: string[];
}

/** Of known bytes, so that their ids and sizes are the same everywhere; but for the one that a container runs of. */
const IMAGES: Record<string, SceneImage> = {
  a: {
    tags: ['imgs-a:1', 'imgs-a:2', 'localhost:5000/x/imgs-a:1'],
    created: '2024-01-01T00:00:00Z',
    labels: { scene: 'images', tier: 'front' },
    layers: ['one'],
  },
  b: {
    tags: ['imgs-b:latest'],
    created: '2024-02-01T00:00:00Z',
    labels: { scene: 'images', tier: 'back' },
    layers: ['one', 'two'],
  },
  dangling: { tags: [], created: '2024-03-01T00:00:00Z', labels: { scene: 'images', tier: 'back' }, layers: ['three'] },
  run: { tags: ['imgs-run:1'], created: '2024-04-01T00:00:00Z', labels: { scene: 'images' }, layers: ['busybox'] },
  empty: { tags: ['imgs-empty:1'], created: '0001-01-01T00:00:00Z', labels: { scene: 'images' }, layers: [] },
};
/** Its id begins as that of `a` does. */
const TWIN: SceneImage = { tags: ['imgs-twin:1'], created: '2024-05-01T00:00:00Z', labels: {}, layers: ['three'] };
const TWIN_DIGITS = 3;

/** name → image, and whether it runs */
const CONTAINERS: Record<string, { image: string; runs: boolean }> = {
  running: { image: 'imgs-run:1', runs: true },
  stopped: { image: 'imgs-b:latest', runs: false },
};

/** Images in known states, with containers that use some of them. */
export class ImageScene {
  private readonly ids = new SceneNames();
  private readonly layers = new Map<string, Buffer>();

  private constructor(private readonly api: ApiClient) {}

  static async make(api: ApiClient): Promise<ImageScene> {
    const scene = new ImageScene(api);
    await scene.clear();
    await scene.makeImages();
    for (const [name, { image, runs }] of Object.entries(CONTAINERS)) {
      const body = { Image: image, Cmd: ['/bin/sleep', '1000'], StopTimeout: 0, HostConfig: { NetworkMode: 'none' } };
      scene.ids.set(name, await createdId(api.post(`/containers/create?name=${PREFIX}${name}`, body)));
      if (runs) await expectStatus(api.post(`/containers/${PREFIX}${name}/start`), 204);
    }
    return scene;
  }

  /** Removes what this or an earlier scene left. */
  async clear(): Promise<void> {
    const all = (await this.api.get('/containers/json?all=1')).json as { Id: string; Names: string[] }[];
    for (const { Id, Names } of all) {
      if (Names.some((name) => name.startsWith(`/${PREFIX}`))) await this.api.delete(`/containers/${Id}?force=1`);
    }
    const images = (await this.api.get('/v1.51/images/json?all=1')).json as {
      Id: string;
      RepoTags: string[];
      Labels: object | null;
    }[];
    const isOurs = ({ RepoTags, Labels }: { RepoTags: string[]; Labels: object | null }): boolean =>
      RepoTags.some((tag) => tag.includes(PREFIX)) || (Labels !== null && 'scene' in Labels);
    for (const { Id } of images.filter(isOurs)) await this.api.delete(`/images/${Id}?force=1`);
  }

  fill(text: string): string {
    return this.ids.fill(text);
  }

  /** Nothing of this run or machine is left in the text. */
  normalise(text: string): string {
    return (
      this.ids
        .normalise(text)
        .replace(/(?<="Created":)(17[6-9]|1[89]\d|[2-9]\d\d)\d{7}\b/g, '"<now>"')
        // Busybox is not the same everywhere.
        .replace(/(?<=Size":|SpaceReclaimed":)\d{6,}/g, '"<large>"')
    );
  }

  private async makeImages(): Promise<void> {
    this.layers.set('one', await tarOf({ 'one/a': noise('one', 10_000), 'one/b': noise('b', 511) }));
    this.layers.set('two', await tarOf({ 'two/a': noise('two', 20_000), 'one/a': 'replaced' }));
    this.layers.set('three', await tarOf({ three: noise('three', 4097) }));
    this.layers.set('busybox', busyboxTar());
    for (const [name, image] of Object.entries(IMAGES)) await this.load(name, image);
    const first = this.ids.get('a')?.slice(0, TWIN_DIGITS) ?? '';
    for (let n = 0; ; n++) {
      const twin = { ...TWIN, labels: { scene: 'images', n: String(n) } };
      if (!createHash('sha256').update(this.configOf(twin)).digest('hex').startsWith(first)) continue;
      await this.load('twin', twin);
      return;
    }
  }

  private async load(name: string, image: SceneImage): Promise<void> {
    const config = this.configOf(image);
    const archive = await tarOf({
      'config.json': config,
      ...Object.fromEntries(image.layers.map((layer) => [`${layer}.tar`, this.layers.get(layer) ?? ''])),
      'manifest.json': JSON.stringify([
        {
          Config: 'config.json',
          RepoTags: image.tags.length === 0 ? null : image.tags,
          Layers: image.layers.map((layer) => `${layer}.tar`),
        },
      ]),
    });
    const type = { 'Content-Type': 'application/x-tar' };
    const reply = await expectStatus(this.api.call('POST', '/images/load', archive, type), 200);
    if (reply.text.includes('"error"')) throw new Error(`the scene can't be made: ${reply.text}`);
    this.ids.set(name, sha256(config));
  }

  private configOf({ created, labels, layers }: SceneImage): string {
    return JSON.stringify({
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      created,
      config: { Labels: labels, Cmd: ['x'] },
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${sha256(this.layers.get(layer) ?? '')}`) },
      history: layers.map((layer) => ({ created, created_by: `layer ${layer}` })),
    });
  }
}
