import { PassThrough } from 'node:stream';
import Docker from 'dockerode';
import * as tarStream from 'tar-stream';
import { beforeAll, describe, expect, it } from 'vitest';
import { busyboxTar } from '../support/busybox-image.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();
let docker: Docker;
beforeAll(() => void (docker = new Docker({ socketPath: suite.daemon.socketPath })));

const collect = (stream: NodeJS.ReadableStream): (() => string) => {
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return () => text;
};

describe('dockerode', () => {
  it('pings, reads version and info', async () => {
    expect((await docker.ping()).toString()).toBe('OK');
    expect((await docker.version()).ApiVersion).toMatch(/^1\.\d+$/);
    expect((await docker.info()).Driver).toMatch(/overlay/);
  });

  it('runs a container with demultiplexed output', async () => {
    const out = new PassThrough();
    const err = new PassThrough();
    const outText = collect(out);
    const errText = collect(err);
    const [data] = (await docker.run('busybox', ['sh', '-c', 'echo out; echo err >&2; exit 3'], [out, err], {
      Tty: false,
      HostConfig: { AutoRemove: true },
    })) as [{ StatusCode: number }];
    expect(data.StatusCode).toBe(3);
    expect([outText(), errText()]).toEqual(['out\n', 'err\n']);
  });

  it('attaches with stdin before the start and gets all output', async () => {
    const container = await docker.createContainer({
      Image: 'busybox',
      Cmd: ['cat'],
      OpenStdin: true,
      StdinOnce: true,
      AttachStdin: true,
      AttachStdout: true,
    });
    const stream = await container.attach({ stream: true, stdin: true, stdout: true, hijack: true });
    const out = new PassThrough();
    const text = collect(out);
    container.modem.demuxStream(stream, out, new PassThrough());
    const waiting = container.wait({ condition: 'next-exit' });
    await container.start();
    stream.write('through ');
    stream.end('dockerode\n');
    expect((await waiting).StatusCode).toBe(0);
    await poll('the output', () => text().endsWith('\n'));
    expect(text()).toBe('through dockerode\n');
    await container.remove();
  });

  it('creates, inspects, lists, renames, logs and removes', async () => {
    const container = await docker.createContainer({
      name: 'rode',
      Image: 'busybox',
      Cmd: ['sh', '-c', 'echo logged'],
      Labels: { by: 'rode' },
      Env: ['A=1'],
    });
    await container.start();
    await container.wait();
    const details = await container.inspect();
    expect(details).toMatchObject({
      Name: '/rode',
      Path: 'sh',
      Args: ['-c', 'echo logged'],
      State: { Status: 'exited', ExitCode: 0 },
    });
    expect(details.Config.Env).toContain('A=1');
    const listed = await docker.listContainers({ all: true, filters: { label: ['by=rode'] } });
    expect(listed.map((entry) => entry.Names)).toEqual([['/rode']]);
    const logs = await container.logs({ stdout: true, stderr: true });
    expect(logs.subarray(8).toString()).toBe('logged\n');
    await container.rename({ name: 'rode2' });
    await docker.getContainer('rode2').remove();
    await expect(container.inspect()).rejects.toMatchObject({ statusCode: 404 });
  });

  it('executes with and without a terminal', async () => {
    const container = await docker.createContainer({ Image: 'busybox', Cmd: ['sleep', '100'] });
    await container.start();
    const exec = await container.exec({
      Cmd: ['sh', '-c', 'read x; echo "$x!"; exit 2'],
      AttachStdin: true,
      AttachStdout: true,
    });
    const stream = await exec.start({ hijack: true, stdin: true });
    const out = new PassThrough();
    const text = collect(out);
    container.modem.demuxStream(stream, out, new PassThrough());
    stream.end('hi\n');
    await new Promise((resolve) => stream.once('end', resolve));
    expect(text()).toBe('hi!\n');
    expect((await exec.inspect()).ExitCode).toBe(2);
    const tty = await container.exec({ Cmd: ['tty'], AttachStdout: true, Tty: true });
    const raw = await tty.start({ hijack: true, stdin: false, Tty: true });
    const shown = collect(raw);
    await new Promise((resolve) => raw.once('end', resolve));
    expect(shown()).toContain('/dev/pts/');
    await container.remove({ force: true });
  });

  it('sees events as they happen', async () => {
    const events = await docker.getEvents({
      filters: { type: ['container'], event: ['create', 'destroy'] },
    });
    const seen: string[] = [];
    const two = new Promise<void>((resolve) => {
      events.on('data', (chunk: Buffer) => {
        for (const line of chunk.toString().trim().split('\n')) seen.push(JSON.parse(line).Action);
        if (seen.length >= 2) resolve();
      });
    });
    const container = await docker.createContainer({ Image: 'busybox' });
    await container.remove();
    await two;
    expect(seen).toEqual(['create', 'destroy']);
    (events as unknown as { destroy(): void }).destroy();
  });

  it('imports, tags, lists and removes images', async () => {
    // The types lack the promise that importImage returns.
    const stream = await (docker.importImage(
      busyboxTar() as never,
      { repo: 'rode/image', tag: '1' } as never,
    ) as unknown as Promise<NodeJS.ReadableStream>);
    await new Promise((resolve, reject) =>
      docker.modem.followProgress(stream, (error, output) => (error ? reject(error) : resolve(output))),
    );
    const image = docker.getImage('rode/image:1');
    await image.tag({ repo: 'rode/image', tag: '2' });
    const found = await docker.listImages({ filters: { reference: ['rode/image'] } });
    expect(found.flatMap((entry) => entry.RepoTags).sort()).toEqual(['rode/image:1', 'rode/image:2']);
    expect((await image.history()).length).toBe(1);
    await image.remove();
    await docker.getImage('rode/image:2').remove();
    await expect(image.inspect()).rejects.toMatchObject({ statusCode: 404 });
  });

  it('makes and removes volumes', async () => {
    await docker.createVolume({ Name: 'rodevol', Labels: { l: '1' } });
    const { Volumes } = await docker.listVolumes({ filters: { label: ['l=1'] } as never });
    expect(Volumes.map((volume) => volume.Name)).toEqual(['rodevol']);
    await docker.getVolume('rodevol').remove();
    await expect(docker.getVolume('rodevol').inspect()).rejects.toMatchObject({ statusCode: 404 });
  });

  it('runs the services of a project: network, health, archive, scale, stats, top, update, prune', async () => {
    const labels = { project: 'rode' };
    const filters = { label: ['project=rode'] };
    const network = await docker.createNetwork({ Name: 'rodenet', Labels: labels });
    const store = await docker.createContainer({
      name: 'rode_store',
      Image: 'busybox',
      Labels: labels,
      Cmd: ['sh', '-c', "trap 'exit 0' TERM; httpd -p 80 -h /www; while :; do sleep 0.1; done"],
      Healthcheck: {
        Test: ['CMD-SHELL', 'wget -q -O - http://127.0.0.1/index.html'],
        Interval: 1e9,
        Timeout: 20e9,
        Retries: 60,
      },
      HostConfig: { NetworkMode: 'rodenet' },
    });
    const upload = tarStream.pack();
    upload.entry({ name: 'www/index.html' }, 'page\n');
    upload.finalize();
    await store.putArchive(upload as unknown as NodeJS.ReadableStream, { path: '/' });
    await store.start();
    await poll('the store to be healthy', async () => (await store.inspect()).State.Health?.Status === 'healthy', {
      timeoutMs: 40_000,
    });
    const address = (await store.inspect()).NetworkSettings.Networks['rodenet']!.IPAddress;
    const apps = await Promise.all(
      [0, 1, 2].map(async (index) => {
        const app = await docker.createContainer({
          name: `rode_app_${index}`,
          Image: 'busybox',
          Labels: labels,
          Cmd: ['sh', '-c', `trap 'exit 0' TERM; wget -q -O - http://${address}/; while :; do sleep 0.1; done`],
          NetworkingConfig: { EndpointsConfig: { rodenet: { Aliases: ['app'] } } },
          HostConfig: { NetworkMode: 'rodenet' },
        });
        await app.start();
        return app;
      }),
    );
    for (const app of apps) {
      await poll('the page', async () => (await app.logs({ stdout: true })).subarray(8).toString() === 'page\n');
    }
    expect(Object.keys((await network.inspect()).Containers!)).toHaveLength(4);
    expect((await docker.listContainers({ filters })).map(({ Names }) => Names[0]).sort()).toEqual([
      '/rode_app_0',
      '/rode_app_1',
      '/rode_app_2',
      '/rode_store',
    ]);
    const archive = tarStream.extract();
    (await store.getArchive({ path: '/www' })).pipe(archive);
    const names: string[] = [];
    for await (const entry of archive) {
      names.push(entry.header.name);
      entry.resume();
    }
    expect(names).toEqual(['www/', 'www/index.html']);
    const sample = await store.stats({ stream: false });
    expect(sample.networks['eth0']!.tx_bytes).toBeGreaterThan(0);
    expect(sample.precpu_stats.cpu_usage.total_usage).toBeGreaterThan(0);
    expect((await store.top()).Processes.some((row: string[]) => row.at(-1)!.startsWith('httpd'))).toBe(true);
    await store.update({ Memory: 64 << 20, MemorySwap: 64 << 20, RestartPolicy: { Name: 'always' } });
    expect((await store.inspect()).HostConfig).toMatchObject({ Memory: 64 << 20, RestartPolicy: { Name: 'always' } });
    await Promise.all([store, ...apps].map((container) => container.stop({ t: 5 })));
    const pruned = await docker.pruneContainers({ filters });
    expect(pruned.ContainersDeleted).toHaveLength(4);
    expect((await docker.pruneNetworks({ filters })).NetworksDeleted).toEqual(['rodenet']);
    expect(await docker.listContainers({ all: true, filters })).toEqual([]);
  });
});
