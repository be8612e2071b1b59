import type { ApiClient } from '../../support/api-client.js';
import { busyboxTar } from '../../support/busybox-image.js';
import { poll } from '../../support/poll.js';
import { createdId, expectStatus, SceneNames } from './scene-names.js';

/** Everything in the scene carries this prefix, so that it can be told from what else a daemon has. */
const PREFIX = 'cc-';
const IMAGE = 'corner:1';

/** name without prefix → body of its create */
const CONTAINERS: Record<string, object> = {
  running: {
    Cmd: ['sh', '-c', 'echo out; echo err >&2; exec sleep 1000'],
    Labels: { corner: 'yes' },
    ExposedPorts: { '80/tcp': {} },
    HostConfig: { Binds: ['cc-volume:/data'] },
  },
  exited: { Cmd: ['sh', '-c', 'printf "one\\ntwo\\n"; exit 3'] },
  created: { Cmd: ['true'], Labels: { corner: 'yes' } },
  tty: { Cmd: ['cat'], Tty: true, OpenStdin: true },
  paused: { Cmd: ['sleep', '1000'] },
  autoremove: { Cmd: ['sleep', '1000'], HostConfig: { AutoRemove: true } },
  readonly: { Cmd: ['sleep', '1000'], HostConfig: { ReadonlyRootfs: true } },
};

const RUNNING = ['running', 'tty', 'paused', 'autoremove', 'readonly'];

/** Containers, execs, a volume and an image in known states, for requests that are asked of dockerd and of us alike. */
export class Scene {
  readonly ids = new SceneNames();

  private constructor(private readonly api: ApiClient) {}

  static async make(api: ApiClient): Promise<Scene> {
    const scene = new Scene(api);
    await scene.clear();
    await scene.makeImage();
    await expectStatus(api.post('/volumes/create', { Name: `${PREFIX}volume` }), 201);
    for (const [name, body] of Object.entries(CONTAINERS)) {
      const full = { Image: IMAGE, StopTimeout: 0, ...body, HostConfig: { NetworkMode: 'none', ...hostConfig(body) } };
      scene.ids.set(name, await createdId(api.post(`/containers/create?name=${PREFIX}${name}`, full)));
    }
    for (const name of RUNNING) await expectStatus(api.post(`/containers/${PREFIX}${name}/start`), 204);
    await expectStatus(api.post(`/containers/${PREFIX}exited/start`), 204);
    await expectStatus(api.post(`/containers/${PREFIX}exited/wait`), 200);
    await expectStatus(api.post(`/containers/${PREFIX}paused/pause`), 204);
    await scene.makeExecs();
    await poll('the output to be in the log', async () => {
      const { text } = await api.get(`/containers/${PREFIX}running/logs?stdout=1&stderr=1`);
      return text.includes('out') && text.includes('err');
    });
    return scene;
  }

  /** Removes what this or an earlier scene left. */
  async clear(): Promise<void> {
    const all = (await this.api.get('/v1.41/containers/json?all=1')).json as {
      Id: string;
      Names: string[];
      Image: string;
    }[];
    for (const { Id, Names, Image } of all) {
      if (Image.startsWith('corner:') || Names.some((name) => name.startsWith(`/${PREFIX}`))) {
        await this.api.delete(`/containers/${Id}?force=1&v=1`);
      }
    }
    const { Volumes } = (await this.api.get('/volumes')).json as { Volumes: { Name: string }[] };
    for (const { Name } of Volumes) if (Name.startsWith(PREFIX)) await this.api.delete(`/volumes/${Name}`);
    for (const tag of ['1', '2', '3']) await this.api.delete(`/images/corner:${tag}?force=1`);
  }

  fill(text: string): string {
    return this.ids.fill(text);
  }

  /** No id, time or number of this run or machine is left in the text. */
  normalise(text: string): string {
    return (
      this.ids
        .normalise(text)
        // Any of several may be named.
        .replace(/(?<=used by running container )<[\w-]+:12>/g, '<one>')
        // The one started before may have ended already, or not.
        .replace(/is already running|has already run/g, '<was started>')
        .replace(/to \d+\.00, as there are only \d+ CPUs/g, 'to <count>.00, as there are only <count> CPUs')
        .replace(/(?<=available: )[\d,-]+/g, '<cpus>')
    );
  }

  private async makeImage(): Promise<void> {
    const query = 'fromSrc=-&repo=corner&tag=1&changes=CMD%20%5B%22sh%22%5D&changes=ENV%20PATH=/bin:/usr/bin';
    const type = { 'Content-Type': 'application/x-tar' };
    await expectStatus(this.api.call('POST', `/images/create?${query}`, busyboxTar(), type), 200);
    await expectStatus(this.api.post(`/images/${IMAGE}/tag?repo=corner&tag=2`), 201);
    const { Id } = (await this.api.get(`/images/${IMAGE}/json`)).json as { Id: string };
    this.ids.set('image', Id.replace('sha256:', ''));
  }

  private async makeExecs(): Promise<void> {
    const create = async (name: string, container: string, body: object): Promise<void> => {
      this.ids.set(name, await createdId(this.api.post(`/containers/${PREFIX}${container}/exec`, body)));
    };
    await create('exec-idle', 'running', { Cmd: ['true'] });
    await create('exec-new', 'running', { Cmd: ['true'] });
    await create('exec-echo', 'running', { Cmd: ['sh', '-c', 'echo hi; echo no >&2'], AttachStdout: true });
    await create('exec-tty', 'running', { Cmd: ['echo', 'hi'], AttachStdout: true, Tty: true });
    await create('exec-missing', 'running', { Cmd: ['no-such-command'], AttachStdout: true, AttachStderr: true });
    await create('exec-done', 'running', { Cmd: ['sh', '-c', 'exit 5'], AttachStdout: true });
    await expectStatus(this.api.post(`/exec/${this.ids.get('exec-done')}/start`, { Detach: true }), 200);
    await poll('the exec to end', async () => {
      const { json } = await this.api.get(`/exec/${this.ids.get('exec-done')}/json`);
      return (json as { ExitCode: number | null }).ExitCode === 5;
    });
  }
}

function hostConfig(body: object): object {
  return (body as { HostConfig?: object }).HostConfig ?? {};
}
