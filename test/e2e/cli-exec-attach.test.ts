import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();
const docker = (...args: string[]) => suite.daemon.docker(args);
const ok = (...args: string[]) => suite.daemon.ok(...args);

/** Runs a docker command on a real terminal (through util-linux `script`) and gives handles to type and read. */
function onTerminal(args: string[]) {
  const child = spawn('script', ['-qefc', ['stty rows 33 cols 99;', 'docker', ...args].join(' '), '/dev/null'], {
    env: { ...process.env, ...suite.daemon.environment, TERM: 'xterm' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let screen = '';
  child.stdout.on('data', (chunk: Buffer) => (screen += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return {
    type: (text: string) => child.stdin.write(text),
    see: (text: string | RegExp) =>
      poll(`${text} on the terminal, which shows ${JSON.stringify(screen)}`, () =>
        typeof text === 'string' ? screen.includes(text) : text.test(screen),
      ),
    ended,
    get screen() {
      return screen;
    },
  };
}

describe('docker exec', () => {
  beforeAll(async () => void (await ok('run', '-d', '--name', 'box', '-e', 'FROM=box', 'busybox', 'sleep', '1000')));
  afterAll(async () => void (await docker('rm', '-f', 'box')));

  it('runs a command with its streams apart and its exit code', async () => {
    expect(await docker('exec', 'box', 'sh', '-c', 'echo out; echo err >&2; exit 5')).toEqual({
      code: 5,
      stdout: 'out\n',
      stderr: 'err\n',
    });
  });

  it('takes stdin, env, user and workdir', async () => {
    const args = ['exec', '-i', '-e', 'MORE=yes', '-u', 'app', '-w', '/tmp', 'box'];
    const result = await suite.daemon.docker([...args, 'sh', '-c', 'cat; echo $FROM $MORE; id -un; pwd'], {
      input: 'in\n',
    });
    expect(result).toMatchObject({ code: 0, stdout: 'in\nbox yes\napp\n/tmp\n' });
  });

  it('is privileged only when asked', async () => {
    const caps = ['sh', '-c', 'grep CapEff /proc/self/status | cut -f2'];
    expect(await ok('exec', 'box', ...caps)).toBe('00000000a80425fb');
    expect(await ok('exec', '--privileged', 'box', ...caps)).not.toBe('00000000a80425fb');
  });

  it('says 127 and 126', async () => {
    const missing = await docker('exec', 'box', 'no-such-command');
    expect(missing.code).toBe(127);
    expect(missing.stdout + missing.stderr).toContain('executable file not found in $PATH');
    const denied = await docker('exec', 'box', '/etc/passwd');
    expect(denied.code).toBe(126);
    expect(denied.stdout + denied.stderr).toContain('permission denied');
  });

  it('detaches', async () => {
    await ok('exec', '-d', 'box', 'sh', '-c', 'echo made > /tmp/detached');
    await poll(
      'the detached command',
      async () => (await docker('exec', 'box', 'cat', '/tmp/detached')).stdout === 'made\n',
    );
  });

  it('refuses unknown users, stopped containers and empty commands', async () => {
    expect((await docker('exec', '-u', 'nosuch', 'box', 'true')).stderr).toContain('unable to find user nosuch');
    await ok('create', '--name', 'idle', 'busybox', 'true');
    const id = await ok('inspect', '-f', '{{.Id}}', 'idle');
    expect((await docker('exec', 'idle', 'true')).stderr).toContain(`container ${id} is not running`);
    await ok('rm', 'idle');
    const empty = await suite.daemon.api.post('/containers/box/exec', { Cmd: [] });
    expect([empty.status, empty.json.message]).toEqual([400, 'No exec command specified']);
  });

  it('keeps what an exec was after it ended', async () => {
    const { json } = await suite.daemon.api.post('/containers/box/exec', {
      Cmd: ['sh', '-c', 'exit 4'],
      AttachStdout: true,
    });
    const started = await suite.daemon.api.post(`/exec/${json.Id}/start`, { Detach: true });
    expect(started.status).toBe(200);
    const done = await poll('the exec to end', async () => {
      const reply = await suite.daemon.api.get(`/exec/${json.Id}/json`);
      return !reply.json.Running && reply.json.ExitCode !== null && reply.json;
    });
    expect(done).toMatchObject({
      ID: json.Id,
      ExitCode: 4,
      Running: false,
      ProcessConfig: { entrypoint: 'sh', arguments: ['-c', 'exit 4'] },
    });
    const again = await suite.daemon.api.post(`/exec/${json.Id}/start`, { Detach: true });
    expect(again.status).toBe(409);
  });

  it('knows the exit code before the stream ends', async () => {
    for (let turn = 0; turn < 10; turn++) {
      const { json } = await suite.daemon.api.post('/containers/box/exec', {
        Cmd: ['sh', '-c', 'echo bye; exit 6'],
        AttachStdout: true,
      });
      const { socket, head, status, headers } = await suite.daemon.api.upgrade(`/exec/${json.Id}/start`, {});
      expect(status).toBe(101);
      expect(headers['content-type']).toBe('application/vnd.docker.multiplexed-stream');
      const chunks: Buffer[] = [head];
      for await (const chunk of socket) chunks.push(chunk as Buffer);
      expect(Buffer.concat(chunks)).toEqual(
        Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, 4]), Buffer.from('bye\n')]),
      );
      const reply = await suite.daemon.api.get(`/exec/${json.Id}/json`);
      expect(reply.json).toMatchObject({ ExitCode: 6, Running: false });
    }
  });

  it('has a terminal of the right size', async () => {
    const terminal = onTerminal(['exec', '-it', 'box', 'sh']);
    await terminal.see('#');
    terminal.type('stty size; tty; exit 3\n');
    expect(await terminal.ended).toBe(3);
    expect(terminal.screen).toContain('33 99');
    expect(terminal.screen).toContain('/dev/pts/');
  });

  it('runs fifty at once', async () => {
    const results = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const { json } = await suite.daemon.api.post('/containers/box/exec', {
          Cmd: ['sh', '-c', `exit ${index}`],
          AttachStdout: true,
        });
        const { socket } = await suite.daemon.api.upgrade(`/exec/${json.Id}/start`, {});
        socket.resume();
        await new Promise((resolve) => socket.once('end', resolve));
        return (await suite.daemon.api.get(`/exec/${json.Id}/json`)).json.ExitCode as number;
      }),
    );
    expect(results).toEqual(Array.from({ length: 50 }, (_, index) => index));
  });
});

describe('docker run -it and attach', () => {
  it('is a terminal that is resized with the client, and detaches by keys', async () => {
    const terminal = onTerminal(['run', '-it', '--name', 'term', 'busybox', 'sh']);
    await terminal.see('#');
    terminal.type('stty size\n');
    await terminal.see('33 99');
    terminal.type('\x10\x11');
    expect(await terminal.ended).toBe(0);
    expect(await ok('inspect', '-f', '{{.State.Running}}', 'term')).toBe('true');
    const again = onTerminal(['attach', 'term']);
    again.type('echo back-$((40+2))\n');
    await again.see('back-42');
    again.type('exit 8\n');
    expect(await again.ended).toBe(8);
    await ok('rm', 'term');
  });

  it('shows several clients the same, and one that leaves disturbs nobody', async () => {
    await ok('run', '-d', '-i', '--name', 'many', 'busybox', 'sh', '-c', 'while read line; do echo "got $line"; done');
    const attach = async (query: string) =>
      (await suite.daemon.api.upgrade(`/containers/many/attach?stream=1&${query}`)).socket;
    const first = await attach('stdout=1&stderr=1');
    const second = await attach('stdout=1');
    const leaver = await attach('stdout=1');
    const input = await attach('stdin=1');
    let one = '';
    let two = '';
    first.on('data', (chunk: Buffer) => (one += chunk.toString()));
    second.on('data', (chunk: Buffer) => (two += chunk.toString()));
    leaver.destroy();
    input.write('hello\n');
    await poll('both clients to see it', () => one.includes('got hello') && two.includes('got hello'));
    for (const socket of [first, second, input]) socket.destroy();
    expect(await ok('inspect', '-f', '{{.State.Running}}', 'many')).toBe('true');
    await ok('rm', '-f', 'many');
  });

  it('replays the log with logs=1 and answers errors before the hijack', async () => {
    await ok('run', '--name', 'replayed', 'busybox', 'sh', '-c', 'echo one; echo two');
    const reply = await suite.daemon.api.upgrade('/containers/replayed/attach?logs=1&stream=0&stdout=1');
    const chunks: Buffer[] = [reply.head];
    for await (const chunk of reply.socket) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('latin1');
    expect(text).toContain('one\n');
    expect(text).toContain('two\n');
    const bad = await suite.daemon.api.post('/containers/replayed/attach?stream=1&stdout=1&detachKeys=ctrl-,%20');
    expect(bad.status).toBe(400);
    await ok('rm', 'replayed');
  });
});

describe('docker logs', () => {
  it('gives both streams, tail, since, timestamps and follow', async () => {
    await ok(
      'run',
      '-d',
      '--name',
      'talker',
      'busybox',
      'sh',
      '-c',
      'for i in 1 2 3; do echo line $i; echo err $i >&2; done; sleep 0.5; echo last',
    );
    const followed = docker('logs', '-f', 'talker');
    await ok('wait', 'talker');
    const result = await followed;
    expect(result.stdout).toBe('line 1\nline 2\nline 3\nlast\n');
    expect(result.stderr).toBe('err 1\nerr 2\nerr 3\n');
    expect((await docker('logs', '--tail', '1', 'talker')).stdout).toBe('last\n');
    expect((await docker('logs', '-t', '--tail', '1', 'talker')).stdout).toMatch(
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z last\n$/,
    );
    const all = (await docker('logs', '-t', 'talker')).stdout.split('\n');
    const third = all[2]!.split(' ')[0]!;
    expect((await docker('logs', '--since', third, 'talker')).stdout).toBe('line 3\nlast\n');
    expect((await docker('logs', '--until', third, 'talker')).stdout).toContain('line 2\n');
    await ok('rm', 'talker');
  });

  it('keeps long lines whole', async () => {
    const result = await docker('run', '--name', 'long', 'busybox', 'sh', '-c', 'head -c 33000 /dev/zero | tr "\\0" x');
    expect(result.stdout).toBe('x'.repeat(33000));
    expect((await docker('logs', 'long')).stdout).toBe('x'.repeat(33000));
    await ok('rm', 'long');
  });

  it('rotates by size and follows through it', async () => {
    const script = 'i=0; while [ $i -lt 3000 ]; do echo "this is line number $i"; i=$((i+1)); done';
    await ok(
      'create',
      '--name',
      'rotated',
      '--log-opt',
      'max-size=20k',
      '--log-opt',
      'max-file=3',
      'busybox',
      'sh',
      '-c',
      script,
    );
    await ok('start', 'rotated');
    await ok('wait', 'rotated');
    const lines = (await docker('logs', 'rotated')).stdout.trim().split('\n');
    expect(lines.at(-1)).toBe('this is line number 2999');
    expect(lines.length).toBeLessThan(3000);
    const numbers = lines.map((line) => Number(line.split(' ').at(-1)));
    expect(numbers).toEqual(numbers.map((_, index) => numbers[0]! + index));
    await ok('rm', 'rotated');
  });

  it('refuses to read from no log and to show no stream', async () => {
    await ok('run', '--name', 'mute', '--log-driver', 'none', 'busybox', 'echo', 'x');
    expect((await docker('logs', 'mute')).stderr).toContain('configured logging driver does not support reading');
    expect((await suite.daemon.api.get('/containers/mute/logs')).status).toBe(400);
    await ok('rm', 'mute');
  });
});
