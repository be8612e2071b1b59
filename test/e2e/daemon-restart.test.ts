import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';
import { cliPath } from '../support/paths.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();
const ok = (...args: string[]) => suite.daemon.ok(...args);

describe.skipIf(process.env['WHARF_TEST_TARGET']).each(['SIGTERM', 'SIGKILL'] as const)(
  'a daemon ended by %s and started again',
  (signal) => {
    it('finds its containers, their logs, ports and exits as they are', async () => {
      const { daemon } = suite;
      await ok(
        'run',
        '-d',
        '--name',
        'ticker',
        'busybox',
        'sh',
        '-c',
        'i=0; while :; do echo tick $i; i=$((i+1)); sleep 0.1; done',
      );
      await ok(
        'run',
        '-d',
        '--name',
        'web',
        '-p',
        '8090:80',
        '--tmpfs',
        '/www',
        'busybox',
        'sh',
        '-c',
        'echo up > /www/index.html; exec httpd -f -p 80 -h /www',
      );
      await ok('run', '-d', '-i', '--name', 'reader', 'busybox', 'sh', '-c', 'read line; echo "got $line"; exit 12');
      await ok('run', '-d', '--name', 'leaver', 'busybox', 'sh', '-c', 'sleep 1; echo gone; exit 21');
      const before = await ok('inspect', '-f', '{{.State.Pid}} {{.State.StartedAt}}', 'ticker');
      const fetched = async () =>
        (await daemon.holder.run(['curl', '-s', '-m', '2', 'http://127.0.0.1:8090/'])).stdout.trim();
      await poll('the web server', async () => (await fetched()) === 'up');

      await daemon.down(signal);
      expect(await fetched()).toBe('up');
      // `leaver` ends while nobody is there to see it.
      await poll(
        'the exit record',
        async () => (await daemon.holder.run(['pgrep', '-f', 'sleep 1; echo gone'])).code !== 0,
      );
      await daemon.up();

      expect(await ok('inspect', '-f', '{{.State.Pid}} {{.State.StartedAt}}', 'ticker')).toBe(before);
      expect(await ok('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'leaver')).toBe('exited 21');
      expect((await daemon.docker(['logs', 'leaver'])).stdout).toBe('gone\n');
      expect(await ok('wait', 'leaver')).toBe('21');
      expect(await fetched()).toBe('up');
      expect(await ok('port', 'web')).toContain('0.0.0.0:8090');
      expect(await ok('exec', 'ticker', 'echo', 'inside')).toBe('inside');

      const ticks = (await daemon.docker(['logs', 'ticker'])).stdout.trim().split('\n');
      expect(ticks).toEqual(ticks.map((_, index) => `tick ${index}`));
      const following = daemon.docker(['logs', '-f', '--tail', '1', 'ticker'], { timeoutMs: 30_000 });

      // The end of a client's stdin ends its attachment, output and all, as with dockerd: keep it open until the answer is there.
      const { socket } = await daemon.api.upgrade('/containers/reader/attach?stream=1&stdin=1&stdout=1');
      let answer = '';
      socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
      const waited = ok('wait', 'reader');
      socket.write('hello\n');
      await poll('the answer', () => answer.includes('got hello\n'));
      socket.destroy();
      expect(await waited).toBe('12');

      await ok('stop', '-t', '1', 'ticker');
      expect((await following).code).toBe(0);
      await ok('rm', '-f', 'ticker', 'web', 'reader', 'leaver');
      expect(await ok('ps', '-aq')).toBe('');
    });

    it('gives the port and the name of what was removed to others', async () => {
      const { daemon } = suite;
      await ok('run', '-d', '--name', 'holder', '-p', '8091:80', 'busybox', 'sleep', '1000');
      await daemon.down(signal);
      await daemon.up();
      const taken = await daemon.docker(['run', '--rm', '-p', '8091:80', 'busybox', 'true']);
      expect(taken.stderr).toContain('port is already allocated');
      await ok('rm', '-f', 'holder');
      await ok('run', '--rm', '--name', 'holder', '-p', '8091:80', 'busybox', 'true');
    });

    it('starts what a restart policy wants started', async () => {
      const { daemon } = suite;
      await ok('run', '-d', '--name', 'always', '--restart', 'always', 'busybox', 'sleep', '1000');
      const pid = await ok('inspect', '-f', '{{.State.Pid}}', 'always');
      await daemon.down(signal);
      process.kill(Number(pid), 'SIGKILL');
      await daemon.up();
      await poll('the container to run again', async () => {
        const [running, now] = (await ok('inspect', '-f', '{{.State.Running}} {{.State.Pid}}', 'always')).split(' ');
        return running === 'true' && now !== pid;
      });
      await ok('rm', '-f', 'always');
    });
  },
);

describe.skipIf(process.env['WHARF_TEST_TARGET'])('a daemon that has just been started', () => {
  it('knows what its runtime says of itself when it is asked for the first time', async () => {
    const { daemon } = suite;
    await daemon.down();
    await daemon.up();
    const [info, version] = await Promise.all([daemon.api.get('/info'), daemon.api.get('/version')]);
    const runc = version.json.Components.find(({ Name }: { Name: string }) => Name === 'runc');
    expect(runc.Version).toMatch(/^\d+\.\d+/);
    expect(info.json.RuncCommit.ID).toBe(runc.Details.GitCommit);
  });
});

describe.skipIf(process.env['WHARF_TEST_TARGET'])('SIGUSR1', () => {
  it('has a report written for root, and no debugger opened', async () => {
    const { daemon } = suite;
    process.kill(daemon.pid, 'SIGUSR1');
    const reports = () => readdirSync(daemon.execRoot).filter((name) => name.startsWith('diagnostic-report-'));
    await poll('the report', () => reports().length === 1 && daemon.log.includes('diagnostic report written'));
    const path = join(daemon.execRoot, reports()[0] ?? '');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const report = JSON.parse(readFileSync(path, 'utf8')) as object;
    expect(Object.keys(report)).toEqual(expect.arrayContaining(['header', 'javascriptStack', 'activeResources']));
    expect(report).not.toHaveProperty('environmentVariables');
    const listening = await daemon.holder.run(['ss', '-Hltn', 'sport = :9229']);
    expect(listening).toMatchObject({ code: 0, stdout: '' });
    rmSync(path);
  });
});

/** Other C libraries have nothing to set. */
const isGlibc = 'glibcVersionRuntime' in (process.report.getReport() as { header: object }).header;

describe.skipIf(process.env['WHARF_TEST_TARGET'] ?? !isGlibc)('the memory of a daemon', () => {
  it('is kept small from the start, and given back once there is nothing to do', async () => {
    const { daemon } = suite;
    const calls = join(daemon.dir, 'calls');
    const program = join(daemon.dir, 'listening.cjs');
    // The program as it is, with what it asks of the C library and of V8 written down.
    writeFileSync(
      program,
      `const { appendFileSync } = require('node:fs');
const koffi = require(${JSON.stringify(createRequire(import.meta.url).resolve('koffi'))});
const v8 = require('node:v8');
const tell = (...words) => appendFileSync(${JSON.stringify(calls)}, words.join(' ') + '\\n');
const { load } = koffi;
koffi.load = (...args) => {
  const library = load(...args);
  const func = (name, ...types) => {
    const call = library.func(name, ...types);
    if (name === 'mallopt') return (...values) => (tell(name, ...values), call(...values));
    if (name !== 'malloc_trim') return call;
    return { async: (...values) => (tell(name), call.async(...values)) };
  };
  return { func };
};
const { setFlagsFromString } = v8;
v8.setFlagsFromString = (flag) => (tell(flag), setFlagsFromString(flag));
require(${JSON.stringify(cliPath)});
`,
    );
    const told = (): string[] => readFileSync(calls, 'utf8').split('\n').filter(Boolean);
    await daemon.down();
    daemon.program = program;
    try {
      await daemon.up();
      expect(told()).toEqual(
        expect.arrayContaining(['--semi-space-growth-factor=1', 'mallopt -1 524288', 'mallopt -3 4194304']),
      );
      await poll('memory to be given back', () => told().includes('malloc_trim'), {
        timeoutMs: 60_000,
        everyMs: 200,
      });
    } finally {
      await daemon.down();
      daemon.program = cliPath;
      await daemon.up();
    }
  });
});

describe.skipIf(process.env['WHARF_TEST_TARGET'])('the data-root', () => {
  it('belongs to one daemon', async () => {
    const { daemon } = suite;
    const [program, args] = daemon.holder.enter(
      process.execPath,
      cliPath,
      '--data-root',
      daemon.dataRoot,
      '--exec-root',
      `${daemon.execRoot}2`,
      '--host',
      `unix://${daemon.dir}/e.sock`,
      '--config-file',
      `${daemon.dir}/daemon.json`,
    );
    const { run } = await import('../support/command.js');
    const second = await run(program, args, { timeoutMs: 20_000 });
    expect(second.code).not.toBe(0);
    expect(second.stderr + second.stdout).toMatch(/another|in use|locked/i);
  });
});
