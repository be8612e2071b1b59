import type { ApiReply } from './api-client.js';
import { poll } from './poll.js';
import type { TestDaemon } from './test-daemon.js';

let count = 0;

/** A container of a test's own, by way of the API. Unless told otherwise it has no network and is stopped within a second. */
export class Box {
  private constructor(
    readonly daemon: TestDaemon,
    readonly id: string,
    readonly name: string,
  ) {}

  /** Creates a container from the busybox image. */
  static async create(daemon: TestDaemon, cmd: string[], { HostConfig = {}, ...config }: any = {}): Promise<Box> {
    const name = `box-${process.pid}-${count++}`;
    const reply = await daemon.api.post(`/containers/create?name=${name}`, {
      Image: 'busybox',
      Cmd: cmd,
      StopTimeout: 1,
      ...config,
      HostConfig: { NetworkMode: 'none', ...HostConfig },
    });
    if (reply.status !== 201) throw new Error(`create: ${reply.status} ${reply.text}`);
    return new Box(daemon, reply.json.Id as string, name);
  }

  static async run(daemon: TestDaemon, cmd: string[], config: object = {}): Promise<Box> {
    const box = await Box.create(daemon, cmd, config);
    await box.ok('start');
    return box;
  }

  /** A POST on the container; the answer, whatever it is. */
  post = (verb: string, body?: unknown): Promise<ApiReply> =>
    this.daemon.api.post(`/containers/${this.id}/${verb}`, body);

  /** A POST that has to succeed; its JSON. */
  async ok(verb: string, body?: unknown): Promise<any> {
    const reply = await this.post(verb, body);
    if (reply.status >= 300) throw new Error(`${verb}: ${reply.status} ${reply.text}`);
    return reply.json;
  }

  inspect = async (): Promise<any> => (await this.daemon.api.get(`/containers/${this.id}/json`)).json;

  state = async (): Promise<any> => (await this.inspect()).State;

  /** The row of `docker ps -a`. */
  async row(): Promise<any> {
    const filters = encodeURIComponent(JSON.stringify({ id: [this.id] }));
    return (await this.daemon.api.get(`/containers/json?all=1&filters=${filters}`)).json[0];
  }

  remove = (query = 'force=1&v=1'): Promise<ApiReply> => this.daemon.api.delete(`/containers/${this.id}?${query}`);

  /** Until the container has a status; its state. */
  until = (status: string): Promise<any> =>
    poll(`the container to be ${status}`, async () => ((await this.state()).Status === status ? this.state() : null), {
      timeoutMs: 60_000,
    });

  /** Until its output has the text. */
  says = (text: string): Promise<unknown> =>
    poll(`the output ${text}`, async () =>
      (await this.daemon.api.get(`/containers/${this.id}/logs?stdout=1`)).text.includes(text),
    );
}
