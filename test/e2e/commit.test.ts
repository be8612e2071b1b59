import { describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();
const ok = (...args: string[]) => suite.daemon.ok(...args);
const inspect = async (image: string) => JSON.parse(await ok('image', 'inspect', image))[0];

/** A container that has run a script and ended. */
async function changed(script: string, ...options: string[]): Promise<string> {
  const id = await ok('create', ...options, 'busybox', 'sh', '-ec', script);
  await ok('start', '-a', id);
  return id;
}

describe('docker commit', () => {
  it('makes an image with parent, history, author, comment and changes', async () => {
    const id = await ok(
      'run',
      '-d',
      '--name',
      'flags',
      '-e',
      'A=1',
      '-l',
      'lab=el',
      '-w',
      '/tmp',
      'busybox',
      'sleep',
      '1000',
    );
    await ok('exec', 'flags', 'sh', '-c', 'echo hi > /x');
    const changes = [
      'CMD ["foo", "bar"]',
      'ENTRYPOINT /entry point',
      'ENV B=2 C="x y"',
      'EXPOSE 90/udp 91',
      'HEALTHCHECK --interval=5s --retries=2 CMD test -e /x',
      'LABEL q=r',
      'ONBUILD RUN true',
      'STOPSIGNAL SIGINT',
      'USER app',
      'VOLUME /vol',
      'WORKDIR sub',
    ].flatMap((change) => ['-c', change]);
    const imageId = await ok('commit', '-a', 'Me <me@x>', '-m', 'a message', ...changes, 'flags', 'my/img:t1');
    const image = await inspect('my/img:t1');
    const parent = await inspect('busybox');
    expect(image).toMatchObject({
      Id: imageId,
      RepoTags: ['my/img:t1'],
      Parent: parent.Id,
      Comment: 'a message',
      Author: 'Me <me@x>',
      Os: 'linux',
      Architecture: parent.Architecture,
      Config: {
        Cmd: ['foo', 'bar'],
        Entrypoint: ['/bin/sh', '-c', '/entry point'],
        Env: ['A=1', 'PATH=/bin:/usr/bin', 'B=2', 'C=x y'],
        ExposedPorts: { '90/udp': {}, '91/tcp': {} },
        Healthcheck: { Test: ['CMD-SHELL', 'test -e /x'], Interval: 5e9, Retries: 2 },
        Labels: { lab: 'el', q: 'r' },
        OnBuild: ['RUN true'],
        StopSignal: 'SIGINT',
        User: 'app',
        Volumes: { '/vol': {} },
        WorkingDir: '/tmp/sub',
      },
    });
    expect(image.RootFS.Layers.slice(0, -1)).toEqual(parent.RootFS.Layers);
    const history = (await suite.daemon.api.get('/images/my%2Fimg:t1/history')).json;
    expect(history).toHaveLength(2);
    expect(history[0]).toMatchObject({
      Id: imageId,
      CreatedBy: 'sleep 1000',
      Comment: 'a message',
      Size: 3,
      Tags: ['my/img:t1'],
    });
    expect(history[1]).toMatchObject({ Id: parent.Id });
    expect((await suite.daemon.api.get(`/containers/${id}/json`)).json.State).toMatchObject({
      Running: true,
      Paused: false,
    });
  });

  it('gives an image that runs with what was changed', async () => {
    const script = `
      mkdir -p /d/sub && echo one > /d/sub/f && chown 1000:1001 /d/sub/f && chmod 4751 /d/sub/f && ln /d/sub/f /d/hard
      ln -s sub/f /d/soft && mkfifo /d/fifo && touch -d '2001-02-03 04:05:06' /d/sub/f && chmod 1777 /d/sub
      rm /etc/group && rm -r /home && mkdir /home && echo new > /home/new && mv /root /root2`;
    await ok('commit', await changed(script), 'changed');
    const look = `
      stat -c '%n %a %u:%g %h %F %Y' /d/sub/f /d/hard /d/fifo /d/sub /root2; readlink /d/soft; cat /d/soft
      ls -A /home /etc; test ! -e /root && test ! -e /etc/group && echo gone`;
    const lines = (await ok('run', '--rm', 'changed', 'sh', '-ec', look)).split('\n');
    expect(lines).toContain('/d/sub/f 4751 1000:1001 2 regular file 981173106');
    expect(lines).toContain('/d/hard 4751 1000:1001 2 regular file 981173106');
    expect(lines.find((line) => line.startsWith('/d/fifo'))).toContain('fifo');
    expect(lines.find((line) => line.startsWith('/d/sub 1777'))).toContain('directory');
    expect(lines).toEqual(expect.arrayContaining(['sub/f', 'one', 'new', 'gone']));
    expect(lines).not.toContain('group');
  });

  it('takes changes as lines of a Dockerfile, with the variables of the container', async () => {
    const name = `lines-${process.pid}`;
    await ok('create', '--name', name, '-e', 'PORT=8080', '-e', 'DIR=/srv', 'busybox', 'sh');
    const changes = ['EXPOSE $PORT', 'WORKDIR ${DIR:-/none}/app', 'LABEL a="$PORT" \\', '# between', "b='$PORT'"];
    await ok('commit', ...changes.flatMap((change) => ['-c', change]), '-c', 'ENTRYPOINT ["$DIR"]', name, 'lines');
    const config = JSON.parse(await ok('inspect', '-f', '{{json .Config}}', 'lines')) as Record<string, unknown>;
    expect(config).toMatchObject({
      ExposedPorts: { '8080/tcp': {} },
      WorkingDir: '/srv/app',
      Labels: { a: '8080', b: '$PORT' },
      Entrypoint: ['$DIR'],
    });
    // The container's command was meant for another entrypoint.
    expect(config['Cmd'] ?? null).toBeNull();
    for (const [change, words] of [
      ['# nothing', 'file with no instructions'],
      ['ENV a=${', `failed to process "\${": syntax error: missing '}'`],
    ] as const) {
      expect((await suite.daemon.docker(['commit', '-c', change, name])).stderr).toContain(words);
    }
    await ok('rm', name);
    await ok('rmi', 'lines');
  });

  it('gives the same diff ID for the same changes, whatever the order in which they were made', async () => {
    // All of them, as the image may be no second older.
    const stamp = "touch -d '2020-01-01 00:00:00' /a/1 /a/2 /a";
    const one = await changed(`mkdir /a; echo x > /a/1; echo y > /a/2; ln /a/1 /b1; chmod 700 /a; ${stamp}`);
    const two = await changed(`mkdir -m 700 /a; echo x > /b1; echo y > /a/2; ln /b1 /a/1; ${stamp}`);
    await ok('commit', one, 'same:1');
    await ok('commit', '-m', 'other', two, 'same:2');
    const [a, b] = [await inspect('same:1'), await inspect('same:2')];
    expect(a.RootFS.Layers).toEqual(b.RootFS.Layers);
    expect(a.Id).not.toBe(b.Id);
  });

  it('adds no layer when nothing was changed, and works on a container that never ran', async () => {
    const id = await ok('create', 'busybox', 'sleep', '5');
    const imageId = await ok('commit', id);
    const image = await inspect(imageId);
    const parent = await inspect('busybox');
    expect(image.RepoTags).toEqual([]);
    expect(image.RootFS).toEqual(parent.RootFS);
    expect(image).toMatchObject({ Parent: parent.Id, Size: parent.Size, Config: { Cmd: ['sleep', '5'] } });
    expect((await suite.daemon.api.get(`/images/${imageId}/history`)).json[0]).toMatchObject({
      Size: 0,
      CreatedBy: 'sleep 5',
    });
  });

  it('takes a configuration in the body, and fills it from the container', async () => {
    const { api } = suite.daemon;
    await ok('create', '--name', 'body', '-e', 'A=1', '-l', 'lab=el', 'busybox', 'sleep', '5');
    const config = { Env: ['X=y'], Entrypoint: ['e'], Labels: { z: '1' }, Hostname: 'ignored' };
    const reply = await api.post('/commit?container=body&repo=with-body&changes=ENV%20C%3D3%0AUSER%20app', config);
    expect(reply.status).toBe(201);
    expect((await inspect('with-body')).Config).toMatchObject({
      Env: ['X=y', 'C=3', 'A=1', 'PATH=/bin:/usr/bin'],
      Entrypoint: ['e'],
      Labels: { lab: 'el', z: '1' },
      User: 'app',
    });
    expect((await inspect('with-body')).Config.Cmd ?? null).toBeNull();
    expect((await api.post('/commit?container=body&repo=null-body', null)).status).toBe(201);
    expect((await inspect('null-body')).Config.Cmd).toEqual(['sleep', '5']);
  });

  it('pauses meanwhile, and tells of it in this order', async () => {
    const { api } = suite.daemon;
    const id = await ok('run', '-d', '--name', 'paused', 'busybox', 'sleep', '1000');
    await ok('exec', id, 'touch', '/f');
    const since = (Date.now() / 1000 - 0.001).toFixed(3);
    await ok('commit', '-m', 'why', id, 'events:1');
    await ok('commit', '--pause=false', id, 'events:2');
    const until = (Date.now() / 1000 + 0.001).toFixed(3);
    const events = (await api.get(`/events?since=${since}&until=${until}`)).text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line))
      .filter(({ Type }) => Type === 'container' || Type === 'image');
    expect(events.map(({ Type, Action }) => `${Type} ${Action}`)).toEqual([
      'container pause',
      'image create',
      'image tag',
      'container commit',
      'container unpause',
      'image create',
      'image tag',
      'container commit',
    ]);
    const image = await inspect('events:1');
    expect(events[1].Actor).toMatchObject({ ID: image.Id, Attributes: { name: image.Id } });
    expect(events[3].Actor).toMatchObject({
      ID: id,
      Attributes: { comment: 'why', imageID: image.Id, imageRef: 'events:1', image: 'busybox', name: 'paused' },
    });
    await ok('pause', id);
    await ok('commit', id);
    expect((await api.get(`/containers/${id}/json`)).json.State.Status).toBe('paused');
  });

  it('keeps its digests through save and load', async () => {
    const id = await changed('rm /etc/group; echo data > /data');
    const imageId = await ok('commit', id, 'travels:1');
    await ok('rm', id);
    await ok('save', '-o', `${suite.daemon.dir}/travels.tar`, 'travels:1');
    await ok('rmi', 'travels:1');
    await ok('load', '-i', `${suite.daemon.dir}/travels.tar`);
    expect((await inspect('travels:1')).Id).toBe(imageId);
    expect(await ok('run', '--rm', 'travels:1', 'sh', '-c', 'cat /data; test ! -e /etc/group && echo gone')).toBe(
      'data\ngone',
    );
    await poll('the image to be removable', async () => (await suite.daemon.docker(['rmi', 'travels:1'])).code === 0);
  });

  // dockerd can't: it answers 500.
  it.skipIf(process.env['WHARF_TEST_TARGET'])(
    'can be made of a container whose image was removed by force',
    async () => {
      await ok('tag', 'busybox', 'doomed');
      await ok('commit', await changed('echo 1 > /one'), 'doomed:2');
      const id = await ok('create', 'doomed:2', 'sh');
      await ok('rmi', '-f', 'doomed:2');
      await ok('commit', id, 'survivor');
      expect(await ok('run', '--rm', 'survivor', 'cat', '/one')).toBe('1');
      await ok('rm', id);
      expect(await ok('run', '--rm', 'survivor', 'cat', '/one')).toBe('1');
    },
  );

  it.each([
    ['', 400, 'invalid name or ID supplied: ""'],
    ['container=nope', 404, 'No such container: nope'],
    ['container=nope&repo=UPPER', 400, 'invalid reference format: repository name (library/UPPER) must be lowercase'],
    [`container=errors&repo=a@sha256:${'a'.repeat(64)}`, 400, 'cannot import digest reference'],
    ['container=errors&repo=a&tag=b@c', 400, 'invalid tag format'],
    ['container=errors&repo=sha256&tag=x', 400, 'refusing to create an ambiguous tag using digest algorithm as name'],
    ['container=errors&changes=RUN%20x', 400, 'RUN is not a valid change command'],
    ['container=errors&changes=SHELL%20%5B%22x%22%5D', 400, 'SHELL is not a valid change command'],
    ['container=errors&changes=ENV', 400, 'ENV requires at least one argument'],
  ])('refuses %s', async (query, status, message) => {
    const { api } = suite.daemon;
    if ((await api.get('/containers/errors/json')).status === 404) await ok('create', '--name', 'errors', 'busybox');
    const before = (await api.get('/images/json?all=1')).json.length;
    expect(await api.post(`/commit?${query}`)).toMatchObject({ status, json: { message } });
    // dockerd has made the image before it refuses the name.
    if (!suite.daemon.reference) expect((await api.get('/images/json?all=1')).json).toHaveLength(before);
  });

  it('refuses a body that is not what it should be', async () => {
    const { api } = suite.daemon;
    const wrongType = await api.call('POST', '/commit?container=errors', '{}', { 'Content-Type': 'text/plain' });
    expect(wrongType).toMatchObject({
      status: 400,
      json: { message: "unsupported Content-Type header (text/plain): must be 'application/json'" },
    });
    const broken = await api.call('POST', '/commit?container=errors', '{bad', { 'Content-Type': 'application/json' });
    expect(broken.status).toBe(400);
  });
});
