import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { HttpBodyDecoder } from '../../src/shared/http-body-decoder.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();
const ok = (...args: string[]) => suite.daemon.ok(...args);
const sh = (name: string, script: string) => ok('exec', name, 'sh', '-ec', script);

type Entry = { name: string; type?: 'file' | 'dir' | 'symlink' | 'hardlink' | 'char'; data?: string; to?: string };

/** A tar with exactly these entries, names untouched: no tool refuses to write what is hostile here. */
function tar(...entries: Entry[]): Buffer {
  const blocks = entries.flatMap(({ name, type = 'file', data = '', to = '' }) => {
    const header = Buffer.alloc(512);
    const content = Buffer.from(data);
    header.write(name, 0);
    header.write('0000755\0', 100);
    header.write('0000000\0', 108);
    header.write('0000000\0', 116);
    header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write('07346545000\0', 136);
    header.write('        ', 148);
    header.write({ file: '0', dir: '5', symlink: '2', hardlink: '1', char: '3' }[type], 156);
    header.write(to, 157);
    header.write('ustar\x0000', 257);
    if (type === 'char') header.write('0000001\x000000003\0', 329);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

const put = (name: string, path: string, body: Buffer, query = '', headers: Record<string, string> = {}) =>
  suite.daemon.api.call('PUT', `/containers/${name}/archive?path=${encodeURIComponent(path)}${query}`, body, {
    'Content-Type': 'application/x-tar',
    ...headers,
  });

async function stat(name: string, path: string): Promise<{ status: number; stat: any }> {
  const reply = await suite.daemon.api.call('HEAD', `/containers/${name}/archive?path=${encodeURIComponent(path)}`);
  const header = reply.headers['x-docker-container-path-stat'];
  return {
    status: reply.status,
    stat: typeof header === 'string' ? JSON.parse(Buffer.from(header, 'base64').toString()) : null,
  };
}

/** Runs something for a container that runs, one that has stopped, and one that never ran. */
const STATES = ['running', 'stopped', 'created'] as const;

beforeAll(async () => {
  for (const name of STATES) {
    const setup = 'mkdir -p /d/sub; echo x > /d/f; ln -sf /etc /abs; ln -sf d /rel; exec sleep 100000';
    await ok('create', '--name', name, '-v', `vol-${name}:/vol`, 'busybox', 'sh', '-c', setup);
    if (name === 'created') continue;
    await ok('start', name);
    await poll('the script', async () => (await stat(name, '/rel')).status === 200);
    if (name === 'stopped') await ok('stop', '-t', '0', name);
  }
});

describe('docker cp', () => {
  it.each(STATES)('copies both ways, into volumes too, with a container that is %s', async (name) => {
    const local = join(suite.daemon.dir, `local-${name}`);
    mkdirSync(join(local, 'in/deep'), { recursive: true });
    writeFileSync(join(local, 'in/deep/file'), 'content', { mode: 0o640 });
    await ok('cp', join(local, 'in'), `${name}:/vol/copied`);
    await ok('cp', `${local}/in/.`, `${name}:/etc`);
    await ok('cp', `${name}:/vol/copied`, join(local, 'out'));
    await ok('cp', `${name}:/etc/deep/file`, join(local, 'single'));
    expect(readFileSync(join(local, 'out/deep/file'), 'utf8')).toBe('content');
    expect(readFileSync(join(local, 'single'), 'utf8')).toBe('content');
    expect(await ok('run', '--rm', '-v', `vol-${name}:/v`, 'busybox', 'cat', '/v/copied/deep/file')).toBe('content');
    // The volume's content is not in the container's own layer.
    const changes = (await suite.daemon.api.get(`/containers/${name}/changes`)).json as {
      Path: string;
      Kind: number;
    }[];
    expect(changes).toContainEqual({ Path: '/etc/deep/file', Kind: 1 });
    expect(changes.some(({ Path }) => Path.startsWith('/vol/'))).toBe(false);
  });

  it.each(['created', 'running'] as const)('sees all mounts of a container that is %s', async (state) => {
    const { daemon } = suite;
    const name = `mounts-${state}`;
    const file = join(daemon.dir, `${name}.txt`);
    writeFileSync(file, 'bound');
    const image = 'type=image,src=busybox,dst=/img,image-subpath=etc';
    const options = ['--mount', image, '-v', '/anonymous'];
    // The other engine has a file system of its own.
    if (!daemon.reference) options.push('-v', `${file}:/deep/bound`, '-v', `${daemon.dir}:/ro:ro`);
    await ok('create', '--name', name, ...options, 'busybox', 'sleep', '100000');
    if (state === 'running') await ok('start', name);
    const text = async (path: string): Promise<string> =>
      execFileSync('tar', ['-xO'], {
        input: (await daemon.api.get(`/containers/${name}/archive?path=${path}`)).text,
      }).toString();
    expect(await text('/img/passwd')).toContain('root:x:0:0');
    expect((await stat(name, '/img/../bin/busybox')).status).toBe(200);
    expect((await put(name, '/img', tar({ name: 'new' }))).json.message).toBe('mounted volume is marked read-only');
    expect((await put(name, '/anonymous', tar({ name: 'n', data: 'anonymous' }))).status).toBe(200);
    expect(await text('/anonymous/n')).toBe('anonymous');
    if (!daemon.reference) {
      expect(await text('/deep/bound')).toBe('bound');
      expect((await put(name, '/ro', tar({ name: 'new' }))).json.message).toBe('mounted volume is marked read-only');
      expect((await put(name, '/', tar({ name: 'ro/planted' }))).status).toBeGreaterThanOrEqual(400);
      expect(existsSync(join(daemon.dir, 'planted'))).toBe(false);
    }
    await ok('rm', '-fv', name);
  });

  it('comes out whole from the root of a container that runs, without what the kernel shows', async () => {
    const { daemon } = suite;
    await ok('run', '-d', '--name', 'whole', '-v', '/anonymous', '--tmpfs', '/gone', 'busybox', 'sleep', '100000');
    await sh(
      'whole',
      'mkdir -p /z && echo last > /z/last && echo v > /anonymous/v && ln -s / /z/root && ln -s proc /z/p',
    );
    const archive = async (path: string): Promise<Buffer> => {
      const chunks: Buffer[] = [];
      for await (const chunk of await daemon.api.open('GET', `/containers/whole/archive?path=${path}`)) {
        chunks.push(chunk as Buffer);
      }
      return Buffer.concat(chunks);
    };
    // Fails for one that is cut short.
    const tar = (input: Buffer, ...args: string[]): string =>
      execFileSync('tar', args, { input, maxBuffer: 64 << 20 }).toString();
    const names = async (path: string): Promise<string[]> =>
      tar(await archive(path), '-t')
        .split('\n')
        .map((name) => name.replace(/^(?:\.?\/)+/, ''));
    for (const path of ['/', '/.', '/z/root/', '/z/root/.']) {
      const all = await names(path);
      const relative = all.map((name) => name.replace(/^root\//, ''));
      expect(relative, path).toEqual(
        expect.arrayContaining(['z/last', 'anonymous/v', 'bin/busybox', 'proc/', 'sys/', 'gone/']),
      );
      expect(relative.filter((name) => /^(?:proc|sys|dev)\/.+[^/]$/.test(name) && name !== 'dev/console')).toEqual([]);
    }
    const root = await archive('/');
    for (const file of ['hosts', 'hostname', 'resolv.conf']) {
      const copied = tar(root, '-xO', '--wildcards', `*etc/${file}`);
      expect(copied.trim(), file).toBe(await sh('whole', `cat /etc/${file}`));
      expect(copied, file).not.toBe('');
    }
    expect((await names('/proc')).filter(Boolean)).toEqual(['proc/']);
    expect((await names('/sys')).filter(Boolean)).toEqual(['sys/']);
    expect((await daemon.api.get('/containers/whole/archive?path=/proc/1/status')).status).toBe(404);
    // The view that was made for it has disturbed nothing.
    await sh('whole', 'echo more > /z/more && test -e /proc/1/status && touch /gone/t');
    expect(await ok('diff', 'whole')).toContain('A /z/more');
    await ok('rm', '-fv', 'whole');
  });

  it('copies a container to another through the client', async () => {
    const { daemon } = suite;
    const packed = await daemon.api.open('GET', '/containers/stopped/archive?path=/d');
    const chunks: Buffer[] = [];
    for await (const chunk of packed) chunks.push(chunk as Buffer);
    expect((await put('created', '/tmp', Buffer.concat(chunks))).status).toBe(200);
    expect((await stat('created', '/tmp/d/f')).stat).toMatchObject({ name: 'f', size: 2, linkTarget: '' });
  });

  it('is told of what a path is', async () => {
    expect((await stat('running', '/abs')).stat).toMatchObject({ name: 'abs', linkTarget: '/etc' });
    expect((await stat('running', '/rel')).stat).toMatchObject({ linkTarget: '/d', mode: 134218239 });
    expect((await stat('running', '/rel/')).stat).toMatchObject({ name: 'rel', linkTarget: '', mode: 2147484141 });
    expect((await stat('running', '/d/../abs/passwd')).stat).toMatchObject({ name: 'passwd', linkTarget: '' });
    expect((await stat('running', '/nope')).status).toBe(404);
    expect((await stat('running', '/d/f/')).status).toBe(500);
  });

  it.each([
    ['/nope', '', 404, 'Could not find the file /nope in container running'],
    ['/d/f', '', 400, 'extraction point is not a directory'],
    ['/d/f/', '', 500, 'lstat /d/f/: not a directory'],
    ['', '', 400, 'bad parameter: pathcannot be empty'],
    ['/d', '&noOverwriteDirNonDir=1', 500, 'cannot overwrite directory "sub" with non-directory "/d"'],
  ])('refuses to extract to %s%s', async (path, query, status, message) => {
    const reply = await put('running', path, tar({ name: 'sub', data: 'x' }), query);
    expect(reply).toMatchObject({ status, json: { message } });
    expect(await sh('running', 'test -d /d/sub && cat /d/f')).toBe('x');
  });

  it('refuses a directory over a file only if asked to', async () => {
    await sh('running', 'echo > /d/file-or-dir');
    const archive = tar({ name: 'file-or-dir', type: 'dir' });
    expect((await put('running', '/d', archive, '&noOverwriteDirNonDir=1')).json.message).toContain(
      'cannot overwrite non-directory "file-or-dir" with directory "/d"',
    );
    expect((await put('running', '/d', archive)).status).toBe(200);
    expect((await stat('running', '/d/file-or-dir')).stat.mode).toBeGreaterThan(2 ** 31);
  });

  it('gives files to the user of the container if asked to', async () => {
    await ok('create', '--name', 'owned', '-u', 'app', 'busybox', 'stat', '-c', '%n %u:%g', '/tmp/mine', '/tmp/roots');
    expect((await put('owned', '/tmp', tar({ name: 'mine' }), '&copyUIDGID=true')).status).toBe(200);
    expect((await put('owned', '/tmp', tar({ name: 'roots' }))).status).toBe(200);
    expect(await ok('start', '-a', 'owned')).toBe('/tmp/mine 1000:1000\n/tmp/roots 0:0');
    await ok('create', '--name', 'stranger', '-u', 'nobodyhere', 'busybox');
    expect(await put('stranger', '/tmp', tar({ name: 'mine' }), '&copyUIDGID=1')).toMatchObject({
      status: 400,
      json: { message: 'failed to look up user "nobodyhere" in container: no matching entries in passwd file' },
    });
  });

  it('writes into what is writable of a read-only container, and nowhere else', async () => {
    const host = join(suite.daemon.dir, 'bound');
    mkdirSync(host);
    await ok(
      'run',
      '-d',
      '--name',
      'ro',
      '--read-only',
      '-v',
      'ro-vol:/vol',
      '-v',
      `${host}:/bound:ro`,
      'busybox',
      'sleep',
      '100000',
    );
    await sh('ro', 'ln -s /tmp /vol/to-tmp');
    const archive = tar({ name: 'new', data: 'x' });
    expect((await put('ro', '/vol', archive)).status).toBe(200);
    expect(await sh('ro', 'cat /vol/new')).toBe('x');
    for (const path of ['/tmp', '/vol/../etc']) {
      expect((await put('ro', path, archive)).json).toEqual({ message: 'container rootfs is marked read-only' });
    }
    expect((await put('ro', '/bound', archive)).json).toEqual({ message: 'mounted volume is marked read-only' });
    for (const state of ['running', 'stopped']) {
      if (state === 'stopped') await ok('stop', '-t0', 'ro');
      expect(await put('ro', '/vol/to-tmp', archive)).toMatchObject({
        // dockerd 28.5 says 400, against its own documentation.
        status: suite.daemon.reference ? 400 : 403,
        json: { message: 'container rootfs is marked read-only' },
      });
    }
    expect(existsSync(join(host, 'new'))).toBe(false);
    expect((await stat('ro', '/tmp/new')).status).toBe(404);
  });

  it.each([
    ['gzip', ['-c']],
    ['bzip2', ['-c']],
    ['xz', ['-c']],
    ['zstd', ['-cq']],
  ])('unpacks %s with a tool of the host, never one of the container', async (tool, args) => {
    await sh('running', `rm -f /bin/${tool}; printf '#!/bin/sh\\ntouch /used' > /bin/${tool}; chmod +x /bin/${tool}`);
    const packed = execFileSync(tool, args, { input: tar({ name: `by-${tool}`, data: tool }) });
    expect((await put('running', '/d', packed)).status).toBe(200);
    expect(await sh('running', `cat /d/by-${tool}; test ! -e /used`)).toBe(tool);
  });

  it('packs for a client that wants it so', async () => {
    const reply = await suite.daemon.api.open('GET', '/containers/running/archive?path=/d/f', undefined, {
      'Accept-Encoding': 'gzip',
    });
    const chunks: Buffer[] = [];
    for await (const chunk of reply) chunks.push(chunk as Buffer);
    expect(reply.headers['content-encoding']).toBe('gzip');
    expect(execFileSync('tar', ['-xzO'], { input: Buffer.concat(chunks) }).toString()).toBe('x\n');
  });
});

describe('a hostile archive', () => {
  it.each<[string, Entry[]]>([
    ['climbs with ..', [{ name: '../climbed', data: 'x' }]],
    ['climbs after going down', [{ name: 'sub/../../climbed', data: 'x' }]],
    ['links to what is outside', [{ name: 'climbed', type: 'hardlink', to: '../etc/passwd' }]],
  ])('that %s is refused', async (_what, entries) => {
    const reply = await put('running', '/d', tar(...entries));
    expect(reply.status).toBeGreaterThanOrEqual(400);
    expect(reply.json.message).not.toBe('');
    expect(await sh('running', 'ls / /d')).not.toContain('climbed');
  });

  it('that links to what is not there is refused', async () => {
    const reply = await put('running', '/d', tar({ name: 'climbed', type: 'hardlink', to: 'missing' }));
    expect(reply.status).toBe(404);
    expect(reply.json.message).toBe('Could not find the file /d in container running');
    expect(await sh('running', 'ls / /d')).not.toContain('climbed');
  });

  it('that brings a device makes it, and a path from the root is one below the target', async () => {
    const entries = tar({ name: 'null', type: 'char' }, { name: '/absolute/file', data: 'x' });
    await sh('running', 'mkdir /d/devices');
    expect((await put('running', '/d/devices', entries)).status).toBe(200);
    expect(await sh('running', 'stat -c "%F %t,%T" /d/devices/null; cat /d/devices/absolute/file')).toBe(
      'character special file 1,3\nx',
    );
  });

  it('reaches no more than the container through links of its own, or of the container', async () => {
    const { daemon } = suite;
    const outside = join(daemon.dir, 'outside');
    mkdirSync(outside);
    await sh('running', `ln -s ${outside} /d/out; ln -s ../../../../../../..${outside} /d/up`);
    const file = tar({ name: 'planted', data: 'x' });
    await put('running', '/d/out', file);
    await put('running', '/d/up', file);
    await put('running', '/d', tar({ name: 'l', type: 'symlink', to: outside }, { name: 'l/planted', data: 'x' }));
    await put('running', '/d', tar({ name: 'm', type: 'symlink', to: `../../..${outside}` }, { name: 'm/planted' }));
    await put('running', '/d', tar({ name: `${outside}/planted`, data: 'x' }));
    expect(readdirSync(outside)).toEqual([]);
  });

  it('reaches nothing outside while the container swaps links all the time', async () => {
    const { daemon } = suite;
    const outside = join(daemon.dir, 'swapped');
    mkdirSync(outside);
    await ok(
      'exec',
      '-d',
      'running',
      'sh',
      '-c',
      `mkdir -p /s/real /s${outside}; while [ ! -e /stop ]; do ln -sfn ${outside} /s/x; ln -sfn real /s/x; ln -sfn ../../../../..${outside} /s/x; rm -f /s/x; mkdir /s/x; rmdir /s/x; done`,
    );
    await poll('the loop', async () => (await stat('running', '/s/real')).status === 200);
    const archive = tar({ name: 'x/planted', data: 'x' }, { name: 'x/deep/planted', data: 'y' }, { name: 'real/fine' });
    for (let turn = 0; turn < 25; turn++) {
      await Promise.all([
        put('running', '/s', archive),
        put('running', '/s/x', archive),
        stat('running', '/s/x/planted'),
      ]);
    }
    await sh('running', 'touch /stop');
    expect(readdirSync(outside)).toEqual([]);
  });

  it.each<[string, Buffer]>([
    ['garbage', Buffer.alloc(2000, 'x')],
    ['cut off', tar({ name: 'cut', data: 'x'.repeat(3000) }).subarray(0, 1500)],
    ['no gzip but by its first bytes', Buffer.concat([Buffer.from([0x1f, 0x8b, 8]), Buffer.alloc(100, 'x')])],
  ])('that is %s is an error', async (_what, archive) => {
    expect((await put('running', '/d', archive)).status).toBe(500);
  });
});

describe('an upload', () => {
  it('may wait to be asked for, and may come in the smallest pieces', async () => {
    const archive = tar({ name: 'asked', data: 'asked for' });
    expect((await put('running', '/d', archive, '', { Expect: '100-continue' })).status).toBe(200);
    const socket = connect(suite.daemon.socketPath);
    let reply = '';
    socket.on('data', (data) => (reply += String(data)));
    socket.write('PUT /containers/running/archive?path=/d HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n');
    const small = tar({ name: 'slow', data: 'slowly' });
    for (let at = 0; at < small.length; at += 100) {
      const piece = small.subarray(at, at + 100);
      socket.write(`${piece.length.toString(16)}\r\n`);
      socket.write(piece);
      await new Promise((resolve) => setImmediate(resolve));
      socket.write('\r\n');
    }
    socket.write('0\r\n\r\n');
    await poll('the answer', () => reply.startsWith('HTTP/1.1 200 OK'));
    socket.destroy();
    expect(await sh('running', 'cat /d/asked /d/slow')).toBe('asked forslowly');
  });

  it('that nobody wants is answered while it still comes', async () => {
    const body = Buffer.alloc(20_000_000);
    expect((await put('running', '/nope', body)).status).toBe(404);
    expect((await put('nope', '/d', body)).status).toBe(404);
  });

  it.each(['/containers/running/archive?path=/d', '/images/load', '/images/create?fromSrc=-&repo=left'])(
    'whose client leaves ends, and leaves no image: %s',
    async (path) => {
      const { api } = suite.daemon;
      const before = (await api.get('/images/json')).json.length;
      const method = path.startsWith('/containers') ? 'PUT' : 'POST';
      const socket = connect(suite.daemon.socketPath);
      socket.on('error', () => undefined);
      socket.write(`${method} ${path} HTTP/1.1\r\nHost: d\r\nContent-Length: 5000000\r\n\r\n`);
      socket.write(tar({ name: 'left', data: 'x'.repeat(400_000) }).subarray(0, 300_000), () => socket.destroy());
      if (suite.daemon.reference) return;
      const rubbish = (): string[] => [
        ...readdirSync(join(suite.daemon.dataRoot, 'content/ingest')),
        ...readdirSync(join(suite.daemon.dataRoot, 'overlay2')).filter((name) => name.startsWith('unpack-')),
      ];
      await poll('everything to be gone', () => rubbish().length === 0, { timeoutMs: 30_000 });
      expect((await api.get('/images/json')).json).toHaveLength(before);
    },
  );
});

describe('a download', () => {
  const big = 'big-file';
  const ask = (version: string): string =>
    `GET /containers/stopped/archive?path=/${big} HTTP/${version}\r\nHost: d\r\nConnection: close\r\n\r\n`;

  it.each(['1.1', '1.0'])('comes whole to a client of HTTP/%s that takes its time', async (version) => {
    const content = randomBytes(3_000_000);
    expect((await put('stopped', '/', tar({ name: big, data: content.toString('latin1') }))).status).toBe(200);
    const socket = connect(suite.daemon.socketPath);
    let reply = Buffer.alloc(0);
    socket.write(ask(version));
    await poll('the head', () => socket.readableLength > 0);
    socket.pause();
    await suite.daemon.api.get('/_ping');
    socket.on('data', (data: Buffer) => (reply = Buffer.concat([reply, data]))).resume();
    await once(socket, 'end');
    const at = reply.indexOf('\r\n\r\n') + 4;
    let body = version === '1.0' ? reply.subarray(at) : Buffer.alloc(0);
    if (version === '1.1') {
      const decoder = new HttpBodyDecoder(null);
      decoder.push(reply.subarray(at), (piece) => (body = Buffer.concat([body, piece])));
      expect(decoder.done).toBe(true);
    }
    const sizeBytes = Buffer.from(content.toString('latin1')).length;
    expect(body.subarray(512, 512 + sizeBytes).toString()).toBe(content.toString('latin1'));
    socket.destroy();
  });

  it('whose client leaves lets go of the container', async () => {
    const socket = connect(suite.daemon.socketPath);
    socket.on('error', () => undefined);
    socket.write(ask('1.1'));
    await once(socket, 'readable');
    if (suite.daemon.reference) return void socket.destroy();
    const mounts = async () => (await suite.daemon.holder.run(['cat', '/proc/mounts'])).stdout;
    const views = async () => (await mounts()).split('\n').filter((line) => line.startsWith('overlay ')).length;
    const before = await views();
    socket.destroy();
    await poll('the view to be taken down', async () => (await views()) < before, { timeoutMs: 30_000 });
  });
});

describe('docker export and diff', () => {
  it('export all but volumes, and can be imported', async () => {
    await sh('running', 'echo in-volume > /vol/hidden');
    const at = join(suite.daemon.dir, 'export.tar');
    await ok('export', '-o', at, 'running');
    const names = execFileSync('tar', ['-tf', at], { maxBuffer: 64 << 20 })
      .toString()
      .split('\n');
    expect(names).toEqual(expect.arrayContaining(['d/f', 'abs', 'bin/busybox', 'vol/']));
    expect(names.some((name) => name.startsWith('vol/h') || name.startsWith('/'))).toBe(false);
    await ok('import', at, 'exported');
    expect(await ok('run', '--rm', 'exported', '/bin/sh', '-c', 'cat /d/f')).toBe('x');
  });

  it('tell what was added, changed and deleted', async () => {
    const id = await ok(
      'create',
      'busybox',
      'sh',
      '-c',
      'touch /test; rm /etc/group; chmod 700 /root; echo >> /etc/passwd',
    );
    expect((await suite.daemon.api.get(`/containers/${id}/changes`)).json).toBeNull();
    await ok('start', '-a', id);
    const changes = (await ok('diff', id)).split('\n').sort();
    expect(changes).toEqual(['A /test', 'C /etc', 'C /etc/passwd', 'C /root', 'D /etc/group']);
  });

  it('tells for each copy that the volumes are mounted and unmounted', async () => {
    const volumes = async (copy: () => Promise<unknown>): Promise<unknown[]> => {
      const since = (Date.now() / 1000 - 0.001).toFixed(3);
      await copy();
      const until = (Date.now() / 1000 + 0.001).toFixed(3);
      const filters = encodeURIComponent('{"type":["volume"]}');
      const { text } = await suite.daemon.api.get(`/events?since=${since}&until=${until}&filters=${filters}`);
      return text
        .split(/[\n\x1e]/)
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line))
        .map(({ Action, Actor: { ID, Attributes } }) => [Action, ID, Attributes]);
    };
    for (const name of STATES) {
      const container = (await suite.daemon.api.get(`/containers/${name}/json`)).json.Id;
      const use = { container, destination: '/vol', driver: 'local', propagation: '', 'read/write': 'true' };
      const pair = [
        ['mount', `vol-${name}`, use],
        ['unmount', `vol-${name}`, { container, driver: 'local' }],
      ];
      expect(await volumes(() => stat(name, '/etc'))).toEqual(pair);
      expect(await volumes(() => put(name, '/etc', tar({ name: 'n' })))).toEqual(pair);
    }
  });

  it('say so in events', async () => {
    const since = (Date.now() / 1000 - 0.001).toFixed(3);
    await stat('stopped', '/d');
    await ok('cp', 'stopped:/d/f', '-');
    await put('stopped', '/d', tar({ name: 'n' }));
    await ok('export', '-o', join(suite.daemon.dir, 'events.tar'), 'stopped');
    const until = (Date.now() / 1000 + 0.001).toFixed(3);
    const filters = encodeURIComponent('{"type":["container"]}');
    const events = (await suite.daemon.api.get(`/events?since=${since}&until=${until}&filters=${filters}`)).text;
    const actions = events
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line).Action);
    expect(actions).toEqual(['archive-path', 'extract-to-dir', 'export']);
  });
});

it.skipIf(process.env['WHARF_TEST_TARGET'])('leaves no view behind when the daemon is killed in a copy', async () => {
  const { daemon } = suite;
  const socket = connect(daemon.socketPath);
  socket.on('error', () => undefined);
  socket.write('PUT /containers/created/archive?path=/tmp HTTP/1.1\r\nHost: d\r\nContent-Length: 5000000\r\n\r\n');
  socket.write(tar({ name: 'half', data: 'x'.repeat(400_000) }).subarray(0, 300_000));
  const views = (): string[] => readdirSync(join(daemon.execRoot, 'views'));
  await poll('the view', () => views().length === 1);
  await daemon.down('SIGKILL');
  await daemon.up();
  expect(views()).toEqual([]);
  // All that it had mounted for it is gone as well; the leak check at the end looks for the rest.
  expect((await put('created', '/tmp', tar({ name: 'whole' }))).status).toBe(200);
  socket.destroy();
});
