import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();
const docker = (...args: string[]) => suite.daemon.docker(args);
const ok = (...args: string[]) => suite.daemon.ok(...args);

let serial = 0;

/** Runs a container to its end; its name. */
async function ran(options: string[], script: string): Promise<string> {
  const name = `logs-${process.pid}-${serial++}`;
  await ok('run', '-d', '--name', name, ...options, 'busybox', 'sh', '-c', script);
  await ok('wait', name);
  return name;
}

const optionArgs = (options: Record<string, string>): string[] =>
  Object.entries(options).flatMap(([key, value]) => ['--log-opt', `${key}=${value}`]);

const SCRIPT =
  'echo one; echo err >&2; sleep 0.02; echo; printf "tab\\t<&>\\"é\\n"; head -c 33000 /dev/zero | tr "\\0" x; sleep 0.1; echo; printf end';

describe('json-file and local', () => {
  for (const driver of ['json-file', 'local']) {
    it(`give back what was written: ${driver}`, async () => {
      const name = await ran(['--log-driver', driver], SCRIPT);
      const all = await docker('logs', name);
      expect(all.stdout).toBe(`one\n\ntab\t<&>"é\n${'x'.repeat(33000)}\nend`);
      expect(all.stderr).toBe('err\n');
      expect((await docker('logs', '--tail', '1', name)).stdout).toBe('end');
      // the last piece of the long line, and the end
      expect((await docker('logs', '--tail', '2', name)).stdout).toBe(`${'x'.repeat(33000 - 32768)}\nend`);
      const stamped = (await docker('logs', '-t', name)).stdout.split('\n');
      expect(stamped[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z one$/);
      const second = stamped[1]!.split(' ')[0]!;
      const since = (await docker('logs', '--since', second, name)).stdout;
      expect(since.startsWith('\ntab\t')).toBe(true);
      expect((await docker('logs', '--until', second, name)).stdout).toBe('one\n\n');
      await ok('rm', name);
    });

    for (const compress of ['false', 'true']) {
      it(`rotate and keep their order: ${driver}, compress=${compress}`, async () => {
        const options = ['--log-driver', driver, ...optionArgs({ 'max-size': '20k', 'max-file': '3', compress })];
        const name = await ran(
          options,
          'i=0; while [ $i -lt 3000 ]; do echo "this is line number $i"; i=$((i+1)); done',
        );
        const lines = (await docker('logs', name)).stdout.trim().split('\n');
        const numbers = lines.map((line) => Number(line.split(' ').at(-1)));
        expect(numbers.at(-1)).toBe(2999);
        expect(lines.length).toBeLessThan(3000);
        expect(lines.length).toBeGreaterThan(400);
        expect(numbers).toEqual(numbers.map((_, index) => numbers[0]! + index));
        expect((await docker('logs', '--tail', '300', name)).stdout.trim().split('\n')).toEqual(lines.slice(-300));
        await ok('rm', name);
      });

      // dockerd 28.5 itself loses lines here
      it.skipIf(process.env['WHARF_TEST_TARGET'])(
        `are followed through many rotations, each line once: ${driver}, compress=${compress}`,
        async () => {
          const name = `followed-${driver}-${compress}`;
          const options = ['--log-driver', driver, ...optionArgs({ 'max-size': '30k', 'max-file': '40', compress })];
          const script = 'read go; for n in 1 2 3 4 5; do seq 1 1200; sleep 0.1; done';
          await ok('create', '-i', '--name', name, ...options, 'busybox', 'sh', '-c', script);
          await ok('start', name);
          const followed = docker('logs', '-f', name);
          const { socket } = await suite.daemon.api.upgrade(`/containers/${name}/attach?stream=1&stdin=1`);
          socket.write('go\n');
          await ok('wait', name);
          socket.destroy();
          const once = Array.from({ length: 1200 }, (_, index) => `${index + 1}`);
          expect((await followed).stdout.split('\n')).toEqual([...once, ...once, ...once, ...once, ...once, '']);
          await ok('rm', name);
        },
      );
    }
  }
});

describe('what is shown', () => {
  it('labels, variables and the tag with --details', async () => {
    const options = ['-l', 'foo=bar', '-l', 'b.x=y z', '-l', 'not=shown', '-e', 'FOO=1', '-e', 'BAR=2'];
    const name = await ran(
      [
        ...options,
        ...optionArgs({ labels: 'foo', 'labels-regex': '^b\\.', 'env-regex': '^F', tag: '{{.ImageName | upper}}' }),
      ],
      'echo hi',
    );
    expect((await docker('logs', '--details', name)).stdout).toBe('FOO=1,b.x=y+z,foo=bar,tag=BUSYBOX hi\n');
    await ok('rm', name);
  });

  it('both runs of a container that was restarted; a follower leaves with the first', async () => {
    await ok('run', '-d', '-i', '--name', 'again', 'busybox', 'sh', '-c', 'echo begin; read x; echo end');
    const followed = docker('logs', '-f', 'again');
    const { socket } = await suite.daemon.api.upgrade('/containers/again/attach?stream=1&stdin=1');
    socket.write('go\n');
    expect((await followed).stdout).toBe('begin\nend\n');
    await ok('wait', 'again');
    socket.destroy();
    await ok('start', 'again');
    await poll('the second run', async () => (await docker('logs', 'again')).stdout.endsWith('end\nbegin\n'));
    expect((await docker('logs', '--tail', '2', 'again')).stdout).toBe('end\nbegin\n');
    await ok('rm', '-f', 'again');
  });

  it('nothing of a terminal on stderr, and everything on stdout', async () => {
    const name = await ran(['-t'], 'echo out; echo err >&2');
    const { text } = await suite.daemon.api.get(`/containers/${name}/logs?stdout=1`);
    expect(text).toBe('out\r\nerr\r\n');
    expect((await suite.daemon.api.get(`/containers/${name}/logs?stderr=1`)).text).toBe('');
    await ok('rm', name);
  });

  it('an empty log of a container that never ran, at once', async () => {
    await ok('create', '--name', 'never', '--log-driver', 'local', 'busybox', 'true');
    const reply = await suite.daemon.api.get('/containers/never/logs?stdout=1&follow=1');
    expect([reply.status, reply.text]).toEqual([200, '']);
    await ok('rm', 'never');
  });

  it('the driver in inspect, with a path only for json-file', async () => {
    const inspect = async (name: string) => (await suite.daemon.api.get(`/containers/${name}/json`)).json;
    const json = await ran([], 'true');
    const local = await ran(['--log-driver', 'local', ...optionArgs({ 'max-file': '2' })], 'true');
    expect((await inspect(json)).LogPath).toMatch(/\/containers\/([0-9a-f]{64})\/\1-json\.log$/);
    const { LogPath, HostConfig } = await inspect(local);
    expect([LogPath, HostConfig.LogConfig]).toEqual(['', { Type: 'local', Config: { 'max-file': '2' } }]);
    await ok('rm', json, local);
  });
});

describe('options', () => {
  it('mode=non-blocking loses nothing while the disk keeps up', async () => {
    const name = await ran(optionArgs({ mode: 'non-blocking', 'max-buffer-size': '4m' }), 'seq 1 5000; printf end');
    const expected = Array.from({ length: 5000 }, (_, index) => `${index + 1}\n`).join('');
    expect((await docker('logs', name)).stdout).toBe(`${expected}end`);
    await ok('rm', name);
  });

  it('none can not be read', async () => {
    const name = await ran(['--log-driver', 'none'], 'echo x');
    const reply = await suite.daemon.api.get(`/containers/${name}/logs?stdout=1`);
    expect([reply.status, reply.json]).toEqual([
      501,
      { message: 'configured logging driver does not support reading' },
    ]);
    await ok('rm', name);
  });

  it('are refused at create and at start, and leave the container as it was', async () => {
    const bad = await docker('create', '--log-driver', 'local', '--log-opt', 'labels=x', 'busybox', 'true');
    expect(bad.stderr).toContain("unknown log opt 'labels' for log driver local");
    await ok('create', '--name', 'bad', ...optionArgs({ 'max-size': '-1' }), 'busybox', 'true');
    const { status, json } = await suite.daemon.api.post('/containers/bad/start');
    expect([status, json.message]).toEqual([
      500,
      "failed to create task for container: failed to initialize logging driver: invalid size: '-1'",
    ]);
    expect(await ok('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'bad')).toBe('created 128');
    await ok('rm', 'bad');
  });
});

it('of a hundred megabytes hold up nobody while a reader stalls, who gets them all in the end', async () => {
  const { daemon } = suite;
  const size = 100_000_000;
  const script = `read go; yes 0123456789abcdefghijklmnopqrstuvwxyz | head -c ${size}`;
  await daemon.ok('create', '-i', '--name', 'flood', 'busybox', 'sh', '-c', script);
  await daemon.ok('start', 'flood');
  const follow = () => daemon.api.open('GET', '/containers/flood/logs?follow=1&stdout=1');
  // Nothing is read of an answer before somebody asks for it.
  const stalled = await follow();
  const other = payload(await follow());
  const { socket } = await daemon.api.upgrade('/containers/flood/attach?stream=1&stdin=1');
  socket.write('go\n');
  expect(await daemon.ok('wait', 'flood')).toBe('0');
  const whole = await other;
  expect(whole.bytes).toBe(size);
  expect(await payload(stalled)).toEqual(whole);
  // Its end is found without reading what is before.
  const read = readBytes();
  expect((await ok('logs', '--tail', '2', 'flood')).split('\n')).toHaveLength(2);
  if (!daemon.reference) expect(readBytes() - read).toBeLessThan(size / 10);
  socket.destroy();
  await daemon.ok('rm', 'flood');
});

/** What our daemon has read of files and sockets since it was started. */
function readBytes(): number {
  const { daemon } = suite;
  return daemon.reference ? 0 : Number(/^rchar: (\d+)/m.exec(readFileSync(`/proc/${daemon.pid}/io`, 'utf8'))![1]);
}

/** How much a stream of frames carries, and its digest. */
async function payload(stream: AsyncIterable<Buffer>): Promise<{ bytes: number; digest: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (rest.length - at >= 8 && rest.length - at >= 8 + rest.readUInt32BE(at + 4)) {
      const end = at + 8 + rest.readUInt32BE(at + 4);
      hash.update(rest.subarray(at + 8, end));
      bytes += end - at - 8;
      at = end;
    }
    rest = rest.subarray(at);
  }
  return { bytes, digest: hash.digest('hex') };
}
