import type { ApiClient } from '../../support/api-client.js';
import { busyboxTar } from '../../support/busybox-image.js';
import { createdId, expectStatus, SceneNames } from './scene-names.js';

const PREFIX = 'cr-';

const RICH = [
  'CMD ["image-cmd"]',
  'ENTRYPOINT ["image-entrypoint"]',
  'ENV FROM_IMAGE=1 PATH=/bin',
  'EXPOSE 80/tcp',
  'EXPOSE 81/udp',
  'HEALTHCHECK --interval=5s --timeout=6s --retries=3 CMD true',
  'LABEL image=yes',
  'ONBUILD RUN true',
  'STOPSIGNAL SIGINT',
  'USER 5:6',
  'VOLUME /image-volume',
  'WORKDIR /image-dir',
];

/** tag → its configuration */
const IMAGES: Record<string, string[]> = {
  'create-bare': [],
  'create-plain': ['CMD ["sh"]', 'ENV PATH=/bin'],
  'create-rich': RICH,
};

const SLEEP = { Image: 'create-plain:1', Cmd: ['sleep', '1000'], StopTimeout: 0 };

const CONTAINERS: Record<string, object> = {
  running: { ...SLEEP, HostConfig: { IpcMode: 'private' } },
  shareable: { ...SLEEP, HostConfig: { NetworkMode: 'none', IpcMode: 'shareable' } },
  hostnet: { ...SLEEP, HostConfig: { NetworkMode: 'host' } },
  created: SLEEP,
  lender: {
    ...SLEEP,
    Volumes: { '/lent-anonymous': {} },
    HostConfig: {
      Binds: ['/etc:/lent-bind', 'cr-volume:/lent-volume:ro'],
      Tmpfs: { '/lent-tmpfs': '' },
    },
  },
};

/** Images, containers, a network and a volume that create requests name. */
export class CreateScene {
  private readonly ids = new SceneNames();

  private constructor(private readonly api: ApiClient) {}

  static async make(api: ApiClient): Promise<CreateScene> {
    const scene = new CreateScene(api);
    await scene.clear();
    for (const [name, changes] of Object.entries(IMAGES)) await scene.makeImage(name, changes);
    await expectStatus(api.post('/volumes/create', { Name: `${PREFIX}volume` }), 201);
    const network = { Name: `${PREFIX}net`, IPAM: { Config: [{ Subnet: '10.213.0.0/24' }] } };
    scene.ids.set('net', await createdId(api.post('/networks/create', network)));
    for (const [name, body] of Object.entries(CONTAINERS)) {
      scene.ids.set(name, await createdId(api.post(`/containers/create?name=${PREFIX}${name}`, body)));
    }
    for (const name of ['running', 'shareable', 'hostnet']) {
      await expectStatus(api.post(`/containers/${PREFIX}${name}/start`), 204);
    }
    return scene;
  }

  /** Removes what this or an earlier scene left. */
  async clear(): Promise<void> {
    const all = (await this.api.get('/v1.44/containers/json?all=1')).json as { Id: string; Image: string }[];
    for (const { Id } of all) await this.api.delete(`/containers/${Id}?force=1&v=1`);
    for (const name of ['volume', 'made']) await this.api.delete(`/volumes/${PREFIX}${name}`);
    await this.api.delete(`/networks/${PREFIX}net`);
    for (const name of Object.keys(IMAGES)) await this.api.delete(`/images/${name}:1?force=1`);
  }

  /** What replies depend on beside the request: which limits the kernel knows. */
  async hostFacts(): Promise<object> {
    const info = (await this.api.get('/v1.51/info')).json as Record<string, unknown>;
    const names = ['MemoryLimit', 'SwapLimit', 'CpuCfsPeriod', 'CpuCfsQuota', 'CPUShares', 'CPUSet', 'PidsLimit'];
    return Object.fromEntries([...names, 'OomKillDisable', 'CgroupVersion'].map((name) => [name, info[name]]));
  }

  /** Removes a container that was asked for, and the volume that it may have made. */
  async discard(id: string, made: boolean): Promise<void> {
    await expectStatus(this.api.delete(`/containers/${id}?force=1&v=1`), 204);
    if (made) await this.api.delete(`/volumes/${PREFIX}made`);
  }

  /** No id, number or path of this run or machine is left in the text. `self`: the id of the container that it is about. */
  normalise(text: string, self?: string): string {
    let result = text;
    if (self) {
      const [, name] = /"Name":"\/([^"]+)"/.exec(text) ?? [];
      if (name !== undefined) result = result.replaceAll(`/${name}/`, '/<name>/');
      result = result.replaceAll(self, '<self>').replaceAll(self.slice(0, 12), '<self:12>');
    }
    return this.ids
      .hideIds(result)
      .replace(/"\/[^"]*\/(?=(containers|volumes)\/)/g, '"<data-root>/')
      .replace(/(?<="Type":"image","Name":"[^"]*","Source":")[^"]+/g, '<image-mount>')
      .replace(/(?<=multiple network endpoints: )bridge, cr-net/, 'cr-net, bridge')
      .replace(/to \d+\.00, as there are only \d+ CPUs/g, 'to <count>.00, as there are only <count> CPUs')
      .replace(/(?<=available: )[\d,-]+/g, '<cpus>');
  }

  private async makeImage(name: string, changes: readonly string[]): Promise<void> {
    const query = changes.map((change) => `&changes=${encodeURIComponent(change)}`).join('');
    const type = { 'Content-Type': 'application/x-tar' };
    await expectStatus(
      this.api.call('POST', `/images/create?fromSrc=-&repo=${name}&tag=1${query}`, busyboxTar(), type),
      200,
    );
    const { Id } = (await this.api.get(`/images/${name}:1/json`)).json as { Id: string };
    this.ids.set(name, Id.replace('sha256:', ''));
  }
}
