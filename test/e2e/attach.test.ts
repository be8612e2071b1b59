import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

const TCP = 'tcp://127.0.0.1:23751';
const suite = daemonSuite({ flags: ['--host', TCP] });
const ok = (...args: string[]) => suite.daemon.ok(...args);
const isReference = process.env['WHARF_TEST_TARGET'] !== undefined;

async function attach(name: string, query: string): Promise<{ socket: Duplex; head: Buffer }> {
  return suite.daemon.api.upgrade(`/containers/${name}/attach?stream=1&${query}`);
}

/** Everything up to the end, without Docker's frames. */
async function outputOf({ socket, head }: { socket: Duplex; head: Buffer }): Promise<string> {
  const chunks: Buffer[] = [head];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = bytes.readUInt32BE(at + 4);
    parts.push(bytes.subarray(at + 8, at + 8 + size));
    at += 8 + size;
  }
  return Buffer.concat(parts).toString('latin1');
}

/** A terminal's bytes as they come. */
function watch({ socket, head }: { socket: Duplex; head: Buffer }) {
  let seen = head.toString();
  socket.on('data', (chunk: Buffer) => (seen += chunk.toString()));
  const ended = new Promise<void>((resolve) => socket.once('end', resolve));
  return {
    type: (text: string) => socket.write(text),
    see: (text: string) => poll(`${text} in ${JSON.stringify(seen)}`, () => seen.includes(text), { timeoutMs: 30_000 }),
    ended,
    socket,
  };
}

const residentBytes = (): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${suite.daemon.pid}/status`, 'utf8'))![1]) * 1024;

describe('a reader that does not read', () => {
  // dockerd makes the container wait
  it.skipIf(isReference)(
    'holds up neither container nor daemon, costs the daemon nothing, and misses nothing',
    async () => {
      const size = 100_000_000;
      const script = `read go; yes 0123456789abcdefghijklmnopqrstuvwxyz | head -c ${size}`;
      await ok('create', '-i', '--name', 'flood', '--log-driver', 'none', 'busybox', 'sh', '-c', script);
      const stalled = await attach('flood', 'stdout=1');
      stalled.socket.pause();
      const reader = outputOf(await attach('flood', 'stdout=1&stderr=1'));
      const input = await attach('flood', 'stdin=1');
      await ok('start', 'flood');
      const before = residentBytes();
      input.socket.write('go\n');
      expect(await ok('wait', 'flood')).toBe('0');
      expect(residentBytes() - before).toBeLessThan(60 << 20);
      const [one, two] = [await reader, await outputOf(stalled)];
      expect([one.length, two.length]).toEqual([size, size]);
      expect(createHash('sha256').update(two).digest('hex')).toBe(createHash('sha256').update(one).digest('hex'));
      input.socket.destroy();
      await ok('rm', 'flood');
    },
  );
});

describe('logs=1&stream=1', () => {
  // dockerd repeats or loses lines where the log ends and the stream begins
  const modes = [[], ['--log-opt', 'mode=non-blocking', '--log-opt', 'max-buffer-size=64m']];
  it.skipIf(isReference).each(modes)(
    'gives each line once, also while they are being written and rotated %s',
    async (...mode) => {
      const script =
        'read go; i=0; while [ $i -lt 60 ]; do seq $((i*500+1)) $((i*500+500)); i=$((i+1)); printf part; sleep 0.01; printf "ial\\n"; done';
      const options = [...mode, '--log-opt', 'max-size=100k', '--log-opt', 'max-file=50', '--log-opt', 'compress=true'];
      await ok('create', '-i', '--name', 'seam', ...options, 'busybox', 'sh', '-c', script);
      await ok('start', 'seam');
      const input = await attach('seam', 'stdin=1');
      input.socket.write('go\n');
      const outputs: Promise<string>[] = [];
      for (let client = 0; client < 12; client++) outputs.push(outputOf(await attach('seam', 'logs=1&stdout=1')));
      await ok('wait', 'seam');
      const expected = Array.from({ length: 60 }, (_, block) =>
        [...Array.from({ length: 500 }, (__, line) => String(block * 500 + line + 1)), 'partial\n'].join('\n'),
      ).join('');
      for (const output of await Promise.all(outputs)) expect(output === expected).toBe(true);
      input.socket.destroy();
      await ok('rm', 'seam');
    },
  );

  it('gives what an earlier run has printed, then that of the next', async () => {
    await ok('run', '--name', 'runs', 'busybox', 'sh', '-c', 'echo one; printf two');
    const output = outputOf(await attach('runs', 'logs=1&stdout=1'));
    await ok('start', 'runs');
    expect(await output).toBe('one\ntwoone\ntwo');
    await ok('rm', 'runs');
  });
});

describe('stdin', () => {
  it('ends with the client that has it once, and the rest of the output still comes', async () => {
    const text = 'line\n'.repeat(40_000);
    const result = await suite.daemon.docker(['run', '--rm', '-i', 'busybox', 'sh', '-c', 'cat; echo end'], {
      input: text,
    });
    expect(result).toEqual({ code: 0, stdout: `${text}end\n`, stderr: '' });
  });

  it('takes what is sent with the request, and its half close, after a plain 200', async () => {
    const { json } = await suite.daemon.api.post('/containers/create?name=once', {
      Image: 'busybox',
      Cmd: ['sh', '-c', 'cat; echo end'],
      OpenStdin: true,
      StdinOnce: true,
      AttachStdin: true,
    });
    const socket = connect({ path: suite.daemon.socketPath, allowHalfOpen: true });
    const path = '/containers/once/attach?stream=1&stdin=1&stdout=1';
    socket.write(`POST ${path} HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\nfirst\n`);
    let seen = '';
    socket.on('data', (chunk: Buffer) => (seen += chunk.toString('latin1')));
    const ended = new Promise<void>((resolve) => socket.once('end', resolve));
    await poll('the answer', () => seen.includes('\r\n\r\n'));
    await ok('start', json.Id);
    socket.end('second\n');
    await ended;
    const [head, body] = [seen.slice(0, seen.indexOf('\r\n\r\n')), seen.slice(seen.indexOf('\r\n\r\n') + 4)];
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(head).not.toMatch(/content-length|transfer-encoding/i);
    expect(body.replace(/\x01\0\0\0\0\0\0./gs, '')).toBe(
      // dockerd drops what comes in one piece with the head.
      isReference ? 'second\nend\n' : 'first\nsecond\nend\n',
    );
    await ok('rm', '-f', 'once');
  });
});

describe('a terminal', () => {
  it('is left by the detach keys, in pieces too; the container goes on and the events tell', async () => {
    await ok('run', '-dit', '--name', 'term', 'busybox', 'sh');
    const since = Date.now() / 1000 - 1;
    const first = watch(await attach('term', 'stdin=1&stdout=1&stderr=1'));
    first.type('echo ctrl-\x10; echo a-$((40+2))\n');
    await first.see('a-42');
    first.type('\x10');
    first.type('\x11');
    await first.ended;
    const other = watch(await attach('term', 'stdin=1&stdout=1&stderr=1&detachKeys=ctrl-x,y'));
    other.type('echo b-$((40+2))\n');
    await other.see('b-42');
    other.type('\x18y');
    await other.ended;
    expect(await ok('inspect', '-f', '{{.State.Running}}', 'term')).toBe('true');
    await poll('both events', async () => {
      const until = Date.now() / 1000 + 1;
      const { text } = await suite.daemon.api.get(`/events?since=${since}&until=${until}`);
      return text.match(/"Action":"detach"/g)?.length === 2;
    });
    first.socket.destroy();
    other.socket.destroy();
    await ok('rm', '-f', 'term');
  });

  it('is served over tcp as well', async () => {
    if (isReference) return;
    const [program, args] = suite.daemon.holder.enter('docker', '-H', TCP, 'run', '--rm', '-i', 'busybox', 'sh');
    const child = spawn(program, args, { env: { ...process.env, ...suite.daemon.environment }, stdio: 'pipe' });
    let seen = '';
    child.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    child.stdin.write('echo a-$((40+2))\n');
    await poll('the answer', () => seen.includes('a-42'), { timeoutMs: 30_000 });
    child.stdin.end('exit 7\n');
    expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(7);
  });
});

describe('the end', () => {
  it('is seen only when the exit is in the state', async () => {
    for (let turn = 0; turn < 8; turn++) {
      await ok('create', '--name', 'brief', 'busybox', 'sh', '-c', 'echo x; exit 3');
      const output = outputOf(await attach('brief', 'stdout=1'));
      await ok('start', 'brief');
      expect(await output).toBe('x\n');
      expect(await ok('inspect', '-f', '{{.State.Running}} {{.State.ExitCode}}', 'brief')).toBe('false 3');
      await ok('rm', 'brief');
    }
  });

  it('comes at once for who wants no stream, or only an input that there is none of', async () => {
    await ok('create', '--name', 'deaf', 'busybox', 'cat');
    await ok('create', '-i', '--name', 'open', 'busybox', 'cat');
    for (const query of ['', 'logs=1', 'stdin=1', 'stdin=1&logs=1']) {
      const { socket } = await attach('deaf', query);
      socket.resume();
      await new Promise((resolve) => socket.once('close', resolve).once('end', resolve));
    }
    // It is not told that nobody may attach to what does not run: that is waited for.
    const waiting = outputOf(await attach('open', 'stdin=1'));
    await ok('start', 'open');
    await ok('kill', 'open');
    expect(await waiting).toBe('');
    await ok('rm', 'deaf', 'open');
  });

  it('comes without output when the start fails', async () => {
    const result = await suite.daemon.docker(['run', '--rm', '-i', 'busybox', 'no-such-command'], { input: 'x\n' });
    expect(result.code).toBe(127);
    expect(result.stderr).toContain('executable file not found');
  });
});

describe('a WebSocket', () => {
  it('carries both streams without frames, and stdin', async () => {
    await ok('run', '-di', '--name', 'socket', 'busybox', 'sh', '-c', 'while read x; do echo "got $x"; done');
    const url = `ws+unix:${suite.daemon.socketPath}:/v1.45/containers/socket/attach/ws?stream=1&stdin=1&stdout=1`;
    const client = new WebSocket(url);
    let seen = '';
    client.on('message', (data: Buffer, isBinary) => (seen += isBinary ? data.toString('latin1') : 'text?'));
    await new Promise((resolve) => client.once('open', resolve));
    client.send(Buffer.from('one\n'));
    client.send('two\n');
    await poll('the echo', () => seen === 'got one\ngot two\n', { timeoutMs: 30_000 });
    const closed = new Promise((resolve) => client.once('close', resolve));
    await ok('kill', 'socket');
    await closed;
    await ok('rm', 'socket');
  });
});

describe.skipIf(isReference)('kill -9 of the daemon', () => {
  it('is not noticed by a client whose socket the shim has, in either direction', async () => {
    await ok('run', '-dit', '--name', 'survivor', 'busybox', 'sh');
    await ok('run', '-di', '--name', 'framed', 'busybox', 'cat');
    const terminal = watch(await attach('survivor', 'stdin=1&stdout=1&stderr=1'));
    terminal.type('echo a-$((40+2))\n');
    await terminal.see('a-42');
    const framed = watch(await attach('framed', 'stdin=1&stdout=1'));
    framed.type('before\n');
    await framed.see('before\n');
    await suite.daemon.down('SIGKILL');
    terminal.type('echo b-$((40+2))\n');
    await terminal.see('b-42');
    framed.type('after\n');
    await framed.see('after\n');
    await suite.daemon.up();
    terminal.type('echo c-$((40+2)); exit 5\n');
    await terminal.see('c-42');
    await terminal.ended;
    expect(await ok('inspect', '-f', '{{.State.Running}} {{.State.ExitCode}}', 'survivor')).toBe('false 5');
    const again = watch(await attach('framed', 'stdin=1&stdout=1'));
    again.type('both\n');
    await again.see('both\n');
    await framed.see('both\n');
    for (const { socket } of [terminal, framed, again]) socket.destroy();
    await ok('rm', '-f', 'survivor', 'framed');
  });
});
