import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyboxTar } from '../support/busybox-image.js';
import { runOk } from '../support/command.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { LocalRegistry } from '../support/local-registry.js';

const suite = daemonSuite({ flags: ['--registry-mirror', 'http://127.0.0.1:5000'] });
const docker = (...args: string[]) => suite.daemon.docker(args);
const ok = (...args: string[]) => suite.daemon.ok(...args);
const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');

/** A layer with everything that is hard to unpack. */
function trickyLayer(dir: string): Buffer {
  const root = join(dir, 'tricky');
  execFileSync('bash', [
    '-ec',
    `
    mkdir -p ${root}/d/sub ${root}/opaque && cd ${root}
    echo data > d/file && ln d/file d/hard && ln -s ../file d/sub/soft && ln -s /etc/passwd abs
    mknod d/null c 1 3 && mkfifo d/fifo && chown -h 123456:654321 d/file && chmod 4755 d/file
    truncate -s 1M d/sparse && printf end >> d/sparse && touch -d '2001-02-03 04:05:06' d/sub
    mkdir -p ${'n/'.repeat(20)}$(printf 'x%.0s' {1..120}) && echo deep > ${'n/'.repeat(20)}$(printf 'x%.0s' {1..120})/file
    mkdir capped && cp /bin/busybox capped/busybox && python3 -c "import os;os.setxattr('capped/busybox','security.capability',bytes.fromhex('0100000200200000000000000000000000000000'))"
  `,
  ]);
  return execFileSync(
    'tar',
    ['-C', root, '--numeric-owner', '--xattrs', '--xattrs-include=*', '--format=posix', '-S', '-cf', '-', '.'],
    { maxBuffer: 64 << 20 },
  );
}

/** A docker-archive of these layers, as `docker save` has written it for ages. */
function dockerArchive(dir: string, layers: Buffer[], tags: string[]): Buffer {
  const at = join(dir, `archive-${tags.length}-${layers.length}-${Math.random().toString(36).slice(2)}`);
  mkdirSync(at, { recursive: true });
  const names = layers.map((layer, index) => {
    writeFileSync(join(at, `layer${index}.tar`), layer);
    return `layer${index}.tar`;
  });
  const config = JSON.stringify({
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    created: '2024-01-02T03:04:05Z',
    config: { Env: ['PATH=/bin'], Cmd: ['sh'], Labels: { made: 'here' } },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
    history: layers.map(() => ({ created: '2024-01-02T03:04:05Z', created_by: 'test' })),
  });
  writeFileSync(join(at, 'config.json'), config);
  writeFileSync(join(at, 'manifest.json'), JSON.stringify([{ Config: 'config.json', RepoTags: tags, Layers: names }]));
  return execFileSync('tar', ['-C', at, '-cf', '-', '.'], { maxBuffer: 256 << 20 });
}

/** `[name, content]` pairs as a tar, through GNU tar. */
function tarOf(dir: string, files: [string, string][]): Buffer {
  const at = join(dir, `files-${Math.random().toString(36).slice(2)}`);
  for (const [name, content] of files) {
    mkdirSync(join(at, name, '..'), { recursive: true });
    writeFileSync(join(at, name), content);
  }
  return execFileSync('tar', ['-C', at, '--numeric-owner', '--owner=0', '--group=0', '-cf', '-', '.']);
}

describe('docker load and import', () => {
  it('loads an archive and knows its image id, labels and layers', async () => {
    const { daemon } = suite;
    const archive = dockerArchive(
      daemon.dir,
      [busyboxTar(), tarOf(daemon.dir, [['top/file', 'top']])],
      ['loaded:1', 'loaded:2'],
    );
    const result = await daemon.docker(['load'], { input: archive });
    expect(result.stdout).toContain('Loaded image: loaded:1\n');
    expect(result.stdout).toContain('Loaded image: loaded:2\n');
    const [image] = JSON.parse(await ok('image', 'inspect', 'loaded:1'));
    expect(image.RepoTags.sort()).toEqual(['loaded:1', 'loaded:2']);
    expect(image.Config.Labels).toEqual({ made: 'here' });
    expect(image.RootFS.Layers).toHaveLength(2);
    expect(await ok('run', '--rm', 'loaded:2', 'cat', '/top/file')).toBe('top');
    expect((await docker('history', '-q', 'loaded:1')).stdout.split('\n')[0]).toBe(image.Id.slice(7, 19));
  });

  it.each(['gzip', 'zstd', 'xz'])('loads what %s compressed', async (tool) => {
    const { daemon } = suite;
    const plain = dockerArchive(
      daemon.dir,
      [busyboxTar(), tarOf(daemon.dir, [[`${tool}.txt`, tool]])],
      [`packed:${tool}`],
    );
    const packed = execFileSync(tool, ['-c', ...(tool === 'xz' ? ['-0'] : [])], { input: plain, maxBuffer: 256 << 20 });
    const result = await daemon.docker(['load'], { input: packed });
    expect(result.stdout + result.stderr).toContain(`Loaded image: packed:${tool}`);
    expect(await ok('run', '--rm', `packed:${tool}`, 'cat', `/${tool}.txt`)).toBe(tool);
  });

  it('unpacks the hard parts right', async () => {
    const { daemon } = suite;
    const archive = dockerArchive(daemon.dir, [busyboxTar(), trickyLayer(daemon.dir)], ['tricky:1']);
    await daemon.docker(['load'], { input: archive });
    const script = `
      cat d/file d/sub/soft; stat -c '%h %u %g %a' d/file; readlink abs; stat -c '%t:%T %F' d/null; stat -c %F d/fifo
      stat -c '%s' d/sparse; stat -c '%Y' d/sub; cat $(find n -name file)`;
    expect((await ok('run', '--rm', '-w', '/', 'tricky:1', 'sh', '-c', script)).split('\n')).toEqual([
      'data',
      'data',
      '2 123456 654321 4755',
      '/etc/passwd',
      '1:3 character special file',
      'fifo',
      '1048579',
      String(Date.parse('2001-02-03T04:05:06') / 1000),
      'deep',
    ]);
    const caps = await ok(
      'run',
      '--rm',
      '-u',
      '1000',
      'tricky:1',
      'sh',
      '-c',
      '/capped/busybox grep CapEff /proc/self/status 2>&1 || true',
    );
    expect(caps).toContain('0000000000002000');
  });

  it('honours whiteouts and opaque directories', async () => {
    const { daemon } = suite;
    const lower = tarOf(daemon.dir, [
      ['d/a', 'a'],
      ['d/b', 'b'],
      ['o/x', 'x'],
      ['gone/deep/f', 'f'],
    ]);
    const upper = tarOf(daemon.dir, [
      ['d/.wh.a', ''],
      ['o/.wh..wh..opq', ''],
      ['o/y', 'y'],
      ['.wh.gone', ''],
    ]);
    await daemon.docker(['load'], { input: dockerArchive(daemon.dir, [busyboxTar(), lower, upper], ['whiteout:1']) });
    expect(await ok('run', '--rm', 'whiteout:1', 'sh', '-c', 'cd /; echo d/* o/* gone*')).toBe('d/b o/y gone*');
  });

  it.each([
    ['a file that is no archive', Buffer.from('this is not a tar file at all')],
    ['a cut archive', busyboxTar().subarray(0, 100_000)],
  ])('refuses %s and keeps nothing of it', async (_, input) => {
    const list = async () => (await ok('images', '-aq')).split('\n').sort();
    const before = await list();
    const result = await suite.daemon.docker(['load'], { input });
    expect(result.code).not.toBe(0);
    expect(await list()).toEqual(before);
  });

  it('refuses layers that are not what the configuration says', async () => {
    const { daemon } = suite;
    const at = join(daemon.dir, 'liar');
    mkdirSync(at, { recursive: true });
    writeFileSync(join(at, 'layer.tar'), tarOf(daemon.dir, [['f', 'f']]));
    writeFileSync(
      join(at, 'config.json'),
      JSON.stringify({
        architecture: 'amd64',
        os: 'linux',
        config: {},
        rootfs: { type: 'layers', diff_ids: [`sha256:${'1'.repeat(64)}`] },
      }),
    );
    writeFileSync(
      join(at, 'manifest.json'),
      JSON.stringify([{ Config: 'config.json', RepoTags: ['liar:1'], Layers: ['layer.tar'] }]),
    );
    const result = await daemon.docker(['load'], { input: execFileSync('tar', ['-C', at, '-cf', '-', '.']) });
    expect(result.code).not.toBe(0);
    expect((await docker('image', 'inspect', 'liar:1')).code).not.toBe(0);
  });

  it('imports with changes and a message', async () => {
    const id = (
      await suite.daemon.docker(
        [
          'import',
          '-m',
          'made by hand',
          '-c',
          'ENTRYPOINT ["echo","hi"]',
          '-c',
          'WORKDIR /tmp',
          '-c',
          'EXPOSE 80',
          '-',
          'imported:1',
        ],
        { input: busyboxTar() },
      )
    ).stdout.trim();
    expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
    const [image] = JSON.parse(await ok('image', 'inspect', 'imported:1'));
    expect(image).toMatchObject({
      Id: id,
      Comment: 'made by hand',
      Config: { Entrypoint: ['echo', 'hi'], WorkingDir: '/tmp', ExposedPorts: { '80/tcp': {} } },
    });
    expect(await ok('run', '--rm', 'imported:1', 'you')).toBe('hi you');
  });
});

describe('tags and removal', () => {
  it('untags before it deletes, and refuses what is in use', async () => {
    await suite.daemon.docker(['import', '-', 'victim:1'], { input: tarOf(suite.daemon.dir, [['v', 'v']]) });
    await ok('tag', 'victim:1', 'victim:2');
    const id = await ok('image', 'inspect', '-f', '{{.Id}}', 'victim:1');
    const byId = await docker('rmi', id);
    expect(byId.stderr).toContain('must be forced');
    expect(await ok('rmi', 'victim:1')).toBe('Untagged: victim:1');
    await ok('create', '--name', 'user', 'victim:2', 'x');
    expect((await docker('rmi', 'victim:2')).stderr).toMatch(/container [0-9a-f]{12} is using its referenced image/);
    await ok('rm', 'user');
    const gone = await ok('rmi', 'victim:2');
    expect(gone).toContain('Untagged: victim:2');
    expect(gone).toContain(`Deleted: ${id}`);
    expect((await docker('rmi', 'victim:2')).stderr).toContain('No such image: victim:2');
  });

  it('refuses bad names', async () => {
    expect((await docker('tag', 'busybox', 'UPPER')).stderr).toMatch(
      /repository name must be lowercase|invalid reference format/,
    );
    expect((await docker('run', '--rm', '--pull', 'never', 'nosuch:1', 'true')).stderr).toContain(
      'No such image: nosuch:1',
    );
  });

  it('filters', async () => {
    await suite.daemon.docker(['import', '-c', 'LABEL a=b', '-', 'filtered:1'], {
      input: tarOf(suite.daemon.dir, [['f', 'f']]),
    });
    expect(await ok('images', '--filter', 'label=a=b', '--format', '{{.Repository}}:{{.Tag}}')).toBe('filtered:1');
    expect(await ok('images', '--filter', 'reference=filt*', '--format', '{{.Repository}}')).toBe('filtered');
    expect((await suite.daemon.api.get('/images/json?filters={"nope":["x"]}')).status).toBe(400);
  });
});

describe.skipIf(process.env['WHARF_TEST_TARGET'])('docker pull', () => {
  let registry: LocalRegistry;
  const push = async (name: string, archive: Buffer): Promise<void> => {
    const file = join(suite.daemon.dir, 'push.tar');
    writeFileSync(file, archive);
    const [program, args] = suite.daemon.holder.enter(
      'skopeo',
      'copy',
      '-q',
      '--insecure-policy',
      '--dest-tls-verify=false',
      `docker-archive:${file}`,
      `docker://127.0.0.1:5000/${name}`,
    );
    await runOk(program, args);
  };
  beforeAll(async () => {
    registry = await LocalRegistry.start(suite.daemon);
    const layers = [
      busyboxTar(),
      ...Array.from({ length: 4 }, (_, index) =>
        tarOf(suite.daemon.dir, [[`layer${index}`, String(index).repeat(100_000)]]),
      ),
    ];
    await push('team/app:v1', dockerArchive(suite.daemon.dir, layers, ['app:v1']));
    await push('library/hubby:latest', dockerArchive(suite.daemon.dir, layers.slice(0, 2), ['hubby:latest']));
  });
  afterAll(() => registry?.[Symbol.asyncDispose]());

  it('pulls, runs, pulls again and removes', async () => {
    const out = await ok('pull', '127.0.0.1:5000/team/app:v1');
    expect(out).toMatch(
      /Digest: sha256:[0-9a-f]{64}\nStatus: Downloaded newer image for 127\.0\.0\.1:5000\/team\/app:v1/,
    );
    expect(await ok('run', '--rm', '127.0.0.1:5000/team/app:v1', 'sh', '-c', 'wc -c < /layer3')).toBe('100000');
    expect(await ok('pull', '127.0.0.1:5000/team/app:v1')).toContain(
      'Status: Image is up to date for 127.0.0.1:5000/team/app:v1',
    );
    const digest = /sha256:[0-9a-f]{64}/.exec(out)![0];
    expect(await ok('image', 'inspect', '-f', '{{index .RepoDigests 0}}', '127.0.0.1:5000/team/app:v1')).toBe(
      `127.0.0.1:5000/team/app@${digest}`,
    );
    await ok('rmi', '127.0.0.1:5000/team/app:v1');
    await ok('pull', `127.0.0.1:5000/team/app@${digest}`);
    await ok('rmi', `127.0.0.1:5000/team/app@${digest}`);
  });

  it('takes Hub names from the mirror', async () => {
    expect(await ok('pull', 'hubby')).toContain('Status: Downloaded newer image for hubby:latest');
    expect(await ok('run', '--rm', 'hubby', 'echo', 'from the mirror')).toBe('from the mirror');
  });

  it('says what is not there, before any output', async () => {
    const tag = await suite.daemon.api.post('/images/create?fromImage=127.0.0.1:5000/team/app&tag=nope');
    expect(tag.status).toBe(404);
    expect(tag.json.message).toContain('manifest unknown');
    const repository = await suite.daemon.api.post('/images/create?fromImage=127.0.0.1:5000/no/such&tag=latest');
    expect(repository.status).toBe(404);
    const down = await docker('pull', '127.0.0.1:5999/x/y:z');
    expect(down.code).toBe(1);
    expect(down.stderr).toMatch(/connection refused/);
  });

  it('notices a blob that is not what its digest says', async () => {
    const archive = dockerArchive(
      suite.daemon.dir,
      [tarOf(suite.daemon.dir, [['corrupt', 'c'.repeat(50_000)]])],
      ['corrupt:1'],
    );
    await push('team/corrupt:1', archive);
    const blobs = execFileSync(
      'bash',
      [
        '-c',
        `find ${suite.daemon.dir}/registry/data -name data -path '*blobs*' -size -4k -newer ${suite.daemon.dir}/push.tar`,
      ],
      { encoding: 'utf8' },
    )
      .trim()
      .split('\n');
    const layer = blobs.find((path) =>
      readFileSync(path)
        .subarray(0, 2)
        .equals(Buffer.from([0x1f, 0x8b])),
    )!;
    const bytes = readFileSync(layer);
    bytes[bytes.length - 20]! ^= 0xff;
    writeFileSync(layer, bytes);
    const result = await docker('pull', '127.0.0.1:5000/team/corrupt:1');
    expect(result.code).not.toBe(0);
    expect((await docker('image', 'inspect', '127.0.0.1:5000/team/corrupt:1')).code).not.toBe(0);
  });
});
