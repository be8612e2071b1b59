import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { copyFileSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, renameSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { attachToShim } from './attach.js';
import { parseExitRecord, readExitRecord } from './exit-record.js';
import { launchShim } from './launch.js';
import { RuntimeStartError } from './runtime-start-error.js';
import type { LogFileOptions, ShimOptions } from './shim-args.js';
import { shimArgs } from './shim-args.js';
import { ShimClient } from './shim-client.js';

const BINARY = process.env['WHARF_SHIM'] ?? resolve('shim/build/wharf-shim');
const APPLETS = ['sh', 'cat', 'echo', 'sleep', 'true', 'head', 'seq', 'printf', 'stty', 'kill', 'tr', 'dd', 'yes', 'test'];

let home: string;
let rootfs: string;
let sequence = 0;

beforeAll(() => {
  if (!process.env['WHARF_SHIM']) execFileSync('make', ['-s', '-C', 'shim']);
  home = mkdtempSync(join(tmpdir(), 'shim-'));
  rootfs = join(home, 'rootfs');
  for (const dir of ['bin', 'proc', 'dev', 'sys', 'tmp']) mkdirSync(join(rootfs, dir), { recursive: true });
  copyFileSync('/bin/busybox', join(rootfs, 'bin/busybox'));
  for (const applet of APPLETS) symlinkSync('busybox', join(rootfs, 'bin', applet));
}, 60_000);

afterAll(() => rmSync(home, { recursive: true, force: true }));

interface Extra {
  tty?: boolean;
  stdin?: boolean;
  stdinOnce?: boolean;
  consoleSize?: { height: number; width: number };
  log?: Partial<LogFileOptions> | null;
}

/** A container of its own directory, removed with everything in it. */
class Bed implements AsyncDisposable {
  readonly id = `wharf-shim-test-${process.pid}-${sequence++}`;
  readonly dir = mkdtempSync(join(home, 'c'));
  readonly logPath = join(this.dir, 'log');
  readonly exitFile = join(this.dir, 'exit');
  readonly socketPath = join(this.dir, 's');
  readonly sockets: Socket[] = [];

  constructor(args: string[], private readonly extra: Extra = {}) {
    execFileSync('runc', ['spec', '--bundle', this.dir]);
    const path = join(this.dir, 'config.json');
    const spec = JSON.parse(readFileSync(path, 'utf8'));
    spec.process.args = args;
    spec.process.terminal = extra.tty ?? false;
    spec.root = { path: rootfs, readonly: true };
    writeFileSync(path, JSON.stringify(spec));
  }

  options(overrides: Partial<ShimOptions> = {}): ShimOptions {
    const { extra } = this;
    return {
      binary: BINARY,
      id: this.id,
      process: { bundle: this.dir },
      runtime: { path: 'runc', root: join(this.dir, 'runc'), logPath: join(this.dir, 'runc.log') },
      socketPath: this.socketPath,
      exitFile: this.exitFile,
      pidFile: join(this.dir, 'pid'),
      shimLog: join(this.dir, 'shim.log'),
      tty: extra.tty ?? false,
      consoleSize: extra.consoleSize ?? null,
      stdin: extra.stdin ?? false,
      stdinOnce: extra.stdinOnce ?? false,
      log: extra.log === null ? null : { path: this.logPath, ...extra.log },
      ...overrides,
    };
  }

  launch(): Promise<ShimClient> {
    return launchShim(this.options());
  }

  async attach(stdin = false, stdout = true, stderr = true): Promise<Socket> {
    const socket = await attachToShim(this.socketPath, { stdin, stdout, stderr });
    this.sockets.push(socket);
    return socket;
  }

  /** The text of the log's records, and the names of their streams. */
  records(path = this.logPath): { log: string; stream: string; time: string; attrs?: unknown }[] {
    const bytes = readFileSync(path);
    const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
    return text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    try {
      execFileSync('runc', ['--root', join(this.dir, 'runc'), 'delete', '--force', this.id], { stdio: 'ignore' });
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
    }
    const left = await ShimClient.connect(this.socketPath).catch(() => null);
    await left?.quit().catch(() => undefined);
    left?.close();
    await until(() => !existsSync(this.socketPath));
  }
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`never: ${condition.toString()}`);
    await new Promise((next) => setTimeout(next, 10));
  }
}

/** Whether there is such a process (0: there is none) and it waits. One that begins a program, as crun does twice, may not be found for a moment. */
function isAsleep(pid: number): boolean {
  try {
    return /^\S+ \(.*\) S/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** '' when it has been closed meanwhile. */
function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function parentPid(pid: number): number {
  return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Resolves with everything read so far as soon as it contains the text. */
function readUntil(socket: Socket, text: string): Promise<string> {
  return new Promise((done, fail) => {
    let seen = '';
    const onData = (chunk: Buffer): void => {
      seen += chunk.toString();
      if (!seen.includes(text)) return;
      socket.off('data', onData).pause();
      done(seen);
    };
    socket.on('data', onData).resume();
    socket.once('end', () => fail(new Error(`ended with ${JSON.stringify(seen)}`)));
  });
}

function demux(bytes: Buffer): { stdout: string; stderr: string } {
  const out = { stdout: '', stderr: '' };
  for (let at = 0; at < bytes.length; ) {
    const size = bytes.readUInt32BE(at + 4);
    const text = bytes.toString('utf8', at + 8, at + 8 + size);
    if (bytes[at] === 1) out.stdout += text;
    else out.stderr += text;
    at += 8 + size;
  }
  return out;
}

describe('a container', () => {
  it('runs, is attached to before it starts, and leaves log, exit record and nothing else', async () => {
    await using bed = new Bed(['sh', '-c', 'echo out; echo err >&2; printf end; exit 3']);
    const shim = await bed.launch();
    expect(shim.state).toBe('created');
    const socket = await bed.attach();
    const output = readAll(socket);
    const { pid, startedAt } = await shim.start();
    expect(pid).toBeGreaterThan(1);
    expect(startedAt).toMatch(/^\d{4}-\d\d-\d\dT[\d:]+(\.\d{1,9})?Z$/);
    const exit = await shim.exited;
    expect(exit).toMatchObject({ exitCode: 3, signal: null, ooms: 0 });
    expect(await readExitRecord(bed.exitFile)).toEqual(exit);
    expect(demux(await output)).toEqual({ stdout: 'out\nend', stderr: 'err\n' });
    await shim.deleted;
    const records = bed.records().map(({ log, stream }) => `${stream}:${log}`);
    expect(records.sort()).toEqual(['stderr:err\n', 'stdout:end', 'stdout:out\n']);
    expect(readdirSync(join(bed.dir, 'runc'))).toEqual([]);
    await until(() => !existsSync(bed.socketPath));
  });

  it('reports death by a signal, to several control clients', async () => {
    await using bed = new Bed(['sleep', '1000']);
    const shim = await bed.launch();
    await shim.start();
    const other = await ShimClient.connect(bed.socketPath);
    expect(other).toMatchObject({ state: 'running', pid: shim.pid });
    await shim.kill(9);
    expect(await shim.exited).toMatchObject({ exitCode: 137, signal: 9 });
    expect(await other.exited).toMatchObject({ exitCode: 137, signal: 9 });
    await expect(other.kill(9)).rejects.toMatchObject({ kind: 'conflict' });
  });

  it('says why the runtime could not start it', async () => {
    await using bed = new Bed(['/no/such/command']);
    const shim = await bed.launch();
    const output = bed.attach().then(readAll);
    const failure = await shim.start().then(() => null, (error: unknown) => error);
    expect(failure).toBeInstanceOf(RuntimeStartError);
    expect((failure as RuntimeStartError).runtimeExitCode).toBe(1);
    expect((failure as Error).message).toContain('exec: "/no/such/command": stat /no/such/command: no such file or directory');
    expect((await output).length).toBe(0);
    expect(await readExitRecord(bed.exitFile)).toBeNull();
  });

  it('says so when there is no such runtime', async () => {
    await using bed = new Bed(['true']);
    const options = bed.options();
    const shim = await launchShim({ ...options, runtime: { ...options.runtime, path: '/no/runtime' } });
    await expect(shim.start()).rejects.toThrow('/no/runtime: No such file or directory');
  });

  it('lives on when everybody is gone, and tells a late client how it ended', async () => {
    await using bed = new Bed(['sh', '-c', 'sleep 0.3; echo alone; exit 7']);
    const shim = await bed.launch();
    await shim.start();
    shim.close();
    await expect(shim.exited).rejects.toMatchObject({ kind: 'unavailable' });
    await until(() => existsSync(bed.exitFile));
    expect(await readExitRecord(bed.exitFile)).toMatchObject({ exitCode: 7 });
    expect(bed.records().map((record) => record.log)).toEqual(['alone\n']);
  });

  it('is forgotten by the runtime when the daemon says so, or is not there', async () => {
    await using told = new Bed(['sleep', '1000']);
    const shim = await told.launch();
    await shim.start();
    await expect(shim.delete()).rejects.toMatchObject({ kind: 'conflict' });
    await shim.kill(9);
    await shim.exited;
    await shim.delete();
    await shim.deleted;
    // The next one may be at the same path from now on.
    expect(existsSync(told.socketPath)).toBe(false);
    expect(readdirSync(join(told.dir, 'runc'))).toEqual([]);

    await using alone = new Bed(['sleep', '0.1']);
    const other = await alone.launch();
    await other.start();
    other.close();
    await until(() => !existsSync(alone.socketPath));
    expect(readdirSync(join(alone.dir, 'runc'))).toEqual([]);
  });

  it('is not held up by a reader that reads nothing, which loses nothing', async () => {
    await using bed = new Bed(['head', '-c', '20000000', '/dev/zero'], { log: null });
    const shim = await bed.launch();
    const socket = await bed.attach();
    await shim.start();
    expect(await shim.exited).toMatchObject({ exitCode: 0 });
    expect(demux(await readAll(socket)).stdout.length).toBe(20_000_000);
  });

  it('tells a client that comes after the exit, while another one still reads', async () => {
    await using bed = new Bed(['head', '-c', '5000000', '/dev/zero'], { log: null });
    const shim = await bed.launch();
    const socket = await bed.attach();
    await shim.start();
    // the reader is given all but the last bytes, so that the process ends and the shim has to stay
    let left = 2_400_000;
    await new Promise<void>((done) => {
      socket.on('data', (chunk: Buffer) => {
        if ((left -= chunk.length) > 0) return;
        socket.pause().removeAllListeners('data');
        done();
      });
    });
    await shim.deleted;
    const late = await ShimClient.connect(bed.socketPath);
    expect(late.state).toBe('exited');
    expect(await late.exited).toEqual(await shim.exited);
    await late.deleted;
  });

  it('survives the death of the process that launched it', async () => {
    await using bed = new Bed(['sh', '-c', 'sleep 0.4; echo survived']);
    const parent: ChildProcess = spawn(BINARY, shimArgs(bed.options()), { detached: true, stdio: 'ignore' });
    await until(() => existsSync(bed.socketPath));
    const shim = await ShimClient.connect(bed.socketPath);
    const { pid } = await shim.start();
    const shimPid = parentPid(pid);
    expect(shimPid).not.toBe(parent.pid);
    expect(readFileSync(`/proc/${shimPid}/comm`, 'utf8')).toBe('wharf-shim\n');
    const [, , group, session] = readFileSync(`/proc/${shimPid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    expect([Number(group), Number(session)]).toEqual([shimPid, shimPid]);
    process.kill(shimPid, 'SIGTERM'); // ignored
    process.kill(shimPid, 'SIGHUP');
    const memory = readFileSync(`/proc/${shimPid}/smaps_rollup`, 'utf8');
    console.log(`shim ${/Pss:.*/.exec(memory)?.[0]}, ${/Private_Dirty:.*/.exec(memory)?.[0]}`);
    expect(await shim.exited).toMatchObject({ exitCode: 0 });
    expect(bed.records()[0]?.log).toBe('survived\n');
  });

  it('is not held up by a process that keeps its output open', async () => {
    await using bed = new Bed(['sh', '-c', 'echo first']);
    const shim = await bed.launch();
    await shim.start();
    expect(await shim.exited).toMatchObject({ exitCode: 0 });
  });

  it('recognises that the kernel killed it for want of memory', async () => {
    await using bed = new Bed(['sh', '-c', 'dd if=/dev/zero of=/dev/null bs=64M count=1; exit 0']);
    const path = join(bed.dir, 'config.json');
    const spec = JSON.parse(readFileSync(path, 'utf8'));
    spec.linux.resources.memory = { limit: 8 << 20, swap: 8 << 20 };
    // dd may be dead before the shim looks where it is.
    spec.linux.cgroupsPath = `/${bed.id}`;
    writeFileSync(path, JSON.stringify(spec));
    const shim = await launchShim(bed.options({ cgroupPath: spec.linux.cgroupsPath }));
    await shim.start();
    expect((await shim.exited).ooms).toBe(1);
  });
});

/** A bed whose specification is written later, by `go`. */
class AheadBed extends Bed {
  protected spec: string;

  constructor(args: string[], extra: Extra = {}) {
    super(args, extra);
    const path = join(this.dir, 'config.json');
    this.spec = readFileSync(path, 'utf8');
    rmSync(path);
  }

  override options(overrides: Partial<ShimOptions> = {}): ShimOptions {
    return super.options({ ahead: true, ...overrides });
  }

  /** The runtime that has this bundle; 0 if there is none. */
  get runtimePid(): number {
    const found = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && this.isRuntime(name));
    return Number(found[0] ?? 0);
  }

  private isRuntime(pid: string): boolean {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
      return ['run', 'create'].some((word) => words.includes(word)) && words.includes(this.dir) && !words.includes('--ahead');
    } catch {
      return false; // it has ended meanwhile
    }
  }

  async waiting(): Promise<void> {
    await until(() => isAsleep(this.runtimePid));
  }

  async go(shim: ShimClient, spec = this.spec): Promise<{ pid: number }> {
    await shim.claim();
    this.write(spec);
    return shim.start();
  }

  write(spec = this.spec): void {
    const fresh = join(this.dir, 'config.json.new');
    writeFileSync(fresh, spec);
    renameSync(fresh, join(this.dir, 'config.json'));
  }

  get isClean(): boolean {
    return this.runtimePid === 0 && !existsSync(this.socketPath) && !existsSync(`${this.socketPath}.tty`);
  }

  /** So large that no pipe holds it. */
  get largeSpec(): string {
    const spec = JSON.parse(this.spec) as { annotations?: Record<string, string> };
    spec.annotations = Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`key${index}`, 'x'.repeat(100)]));
    return JSON.stringify(spec);
  }
}

describe('a shim that runs ahead', () => {
  it('runs what is written after the runtime was started, and leaves a plain specification', async () => {
    await using bed = new AheadBed(['sh', '-c', 'echo out; exit 3']);
    const shim = await bed.launch();
    expect(shim.state).toBe('created');
    await bed.waiting();
    expect(lstatSync(join(bed.dir, 'config.json')).isFIFO()).toBe(true);
    expect([existsSync(bed.logPath), readdirSync(bed.dir).includes('runc')]).toEqual([false, false]);
    const runtime = bed.runtimePid;
    const output = bed.attach().then(readAll);
    expect((await bed.go(shim)).pid).toBeGreaterThan(runtime);
    expect(lstatSync(join(bed.dir, 'config.json')).isFile()).toBe(true);
    expect(await shim.exited).toMatchObject({ exitCode: 3 });
    expect(demux(await output)).toEqual({ stdout: 'out\n', stderr: '' });
    expect(bed.records().map(({ log }) => log)).toEqual(['out\n']);
    await shim.deleted;
  });

  it('passes on a specification that no pipe holds, and one that is there before the runtime looks', async () => {
    await using large = new AheadBed(['true']);
    const patient = await large.launch();
    await large.waiting();
    await large.go(patient, large.largeSpec);
    await using prompt = new AheadBed(['true']);
    const hasty = await prompt.launch();
    await prompt.go(hasty, prompt.largeSpec);
    expect((await Promise.all([patient.exited, hasty.exited])).map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  });

  it('has a terminal', async () => {
    await using bed = new AheadBed(['stty', 'size'], { tty: true, consoleSize: { height: 20, width: 70 } });
    const shim = await bed.launch();
    await bed.waiting();
    await shim.resize(30, 90);
    const output = bed.attach().then(readAll);
    await bed.go(shim);
    expect((await output).toString()).toBe('30 90\r\n');
    expect(await shim.exited).toMatchObject({ exitCode: 0 });
  });

  it('says why the runtime could not start it', async () => {
    await using bed = new AheadBed(['/no/such/command']);
    const shim = await bed.launch();
    const failure = await bed.go(shim).then(() => null, (error: unknown) => error);
    expect(failure).toBeInstanceOf(RuntimeStartError);
    expect((failure as Error).message).toContain('exec: "/no/such/command": stat /no/such/command: no such file or directory');
  });

  it.each([false, true])('ends with its runtime when it is told to (terminal: %s)', async (tty) => {
    await using bed = new AheadBed(['true'], { tty });
    const shim = await bed.launch();
    await bed.waiting();
    await shim.quit();
    expect(bed.isClean).toBe(true);
    expect(existsSync(bed.exitFile)).toBe(false);
  });

  it.each(['waiting', 'claimed'] as const)('ends with its runtime when nobody is there any more, %s', async (when) => {
    await using bed = new AheadBed(['true']);
    const shim = await bed.launch();
    await bed.waiting();
    if (when === 'claimed') await shim.claim();
    shim.close();
    await until(() => bed.isClean);
  });

  it('ends when its runtime does, and never says that anything was started', async () => {
    await using bed = new AheadBed(['true']);
    const shim = await bed.launch();
    await bed.waiting();
    process.kill(bed.runtimePid, 'SIGKILL');
    await expect(shim.exited).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(shim.claim()).rejects.toMatchObject({ kind: 'unavailable' });
    await until(() => bed.isClean);
  });

  it.each([
    ['has been reaped', true],
    ['is just ending', false],
  ])('runs another one when that was killed in the middle of a start, and %s', async (_, isReaped) => {
    await using bed = new AheadBed(['sh', '-c', 'read code; exit $code'], { stdin: true });
    const shim = await bed.launch();
    await bed.waiting();
    await shim.claim();
    const runtime = bed.runtimePid;
    process.kill(runtime, 'SIGKILL');
    if (isReaped) await until(() => !existsSync(`/proc/${runtime}`));
    const client = await bed.attach(true);
    await bed.go(shim);
    client.write('4\n');
    expect(await shim.exited).toMatchObject({ exitCode: 4 });
    await shim.deleted;
  });

  it('can be claimed only if it is one', async () => {
    await using bed = new Bed(['true']);
    const shim = await bed.launch();
    await expect(shim.claim()).rejects.toMatchObject({ kind: 'conflict', message: 'cannot claim while created' });
    await using other = new AheadBed(['true']);
    const ahead = await launchShim(other.options({ log: { path: join(other.dir, 'no', 'log') } }));
    await expect(ahead.claim()).rejects.toMatchObject({ kind: 'conflict', message: 'No such file or directory' });
    await expect(ahead.start()).rejects.toThrow('Invalid argument');
    await until(() => other.isClean);
  });

  it('starts with crun, too', async () => {
    if (!existsSync('/usr/bin/crun')) return;
    await using bed = new AheadBed(['sh', '-c', 'exit 4']);
    const options = bed.options();
    const shim = await launchShim({ ...options, runtime: { ...options.runtime, path: '/usr/bin/crun' } });
    await bed.waiting();
    await bed.go(shim);
    expect(await shim.exited).toMatchObject({ exitCode: 4 });
    await shim.deleted;
  });
});

/** A bed whose container the runtime creates when it is fed; it writes into `out`, which is its /tmp. */
class GateBed extends AheadBed {
  readonly out = join(this.dir, 'out');
  readonly gate = join(this.dir, 'runc', this.id, 'exec.fifo');
  private readonly pidFile = join(this.dir, 'pid');

  constructor(args: string[], extra: Extra = {}) {
    super(args, extra);
    mkdirSync(this.out);
    const spec = JSON.parse(this.spec);
    spec.mounts.push({ destination: '/tmp', type: 'bind', source: this.out, options: ['bind', 'rw'] });
    spec.linux.cgroupsPath = `/${this.id}`;
    if (extra.consoleSize) spec.process.consoleSize = extra.consoleSize;
    this.spec = JSON.stringify(spec);
  }

  override options(overrides: Partial<ShimOptions> = {}): ShimOptions {
    return super.options({ gate: this.gate, ...overrides });
  }

  async feed(shim: ShimClient, spec?: string): Promise<void> {
    this.write(spec);
    await shim.feed();
  }

  /** Feeds, and waits until the first process does. */
  async create(shim: ShimClient): Promise<void> {
    await this.feed(shim);
    await until(() => existsSync(this.pidFile) && this.runtimePid === 0 && this.isAtGate);
  }

  /** Of the first process. */
  get pid(): number {
    return Number(readFileSync(this.pidFile, 'utf8'));
  }

  /** Whether the first process sleeps, and still is the runtime's program. */
  private get isAtGate(): boolean {
    return /^\d+ \(runc:\[2:INIT\]\) S/.test(readFileSync(`/proc/${this.pid}/stat`, 'utf8'));
  }

  /** A start like the engine's, of one that has been fed. */
  async begin(shim: ShimClient): Promise<{ pid: number }> {
    await shim.claim();
    return shim.start();
  }

  get status(): string {
    const state = execFileSync('runc', ['--root', join(this.dir, 'runc'), 'state', this.id], { encoding: 'utf8' });
    return (JSON.parse(state) as { status: string }).status;
  }

  /** What there is of the container and of those who work on it. */
  get left(): string[] {
    const stateDirectory = join(this.dir, 'runc');
    const groups = ['', ...readdirSync('/sys/fs/cgroup')].map((name) => join('/sys/fs/cgroup', name, this.id));
    const isAlive = existsSync(this.pidFile) && existsSync(`/proc/${this.pid}`);
    return [
      ...(this.isClean ? [] : ['runtime or socket']),
      ...(existsSync(stateDirectory) ? readdirSync(stateDirectory) : []),
      ...groups.filter((path) => existsSync(path)),
      ...(isAlive ? ['first process'] : []),
    ];
  }
}

/** Whether this kernel tells of what happens in a directory (F_NOTIFY), and does; without it a start is told at the runtime's end. */
const NOTICES = '/proc/sys/fs/dir-notify-enable';
const hasNotices = existsSync(NOTICES) && readFileSync(NOTICES, 'utf8') === '1\n';

describe('a shim with a gate', () => {
  const lost = { kind: 'unavailable' };
  const MISSING = 'exec: "/no/such/command": stat /no/such/command: no such file or directory';

  it('has the container created before the start, and nothing of its program run', async () => {
    await using bed = new GateBed(['sh', '-c', 'echo ran >/tmp/ran; echo out; echo err >&2; exit 3']);
    const shim = await bed.launch();
    const output = bed.attach().then(readAll);
    await bed.create(shim);
    expect(bed.status).toBe('created');
    expect([lstatSync(bed.gate).isFIFO(), readdirSync(bed.out), existsSync(bed.logPath)]).toEqual([true, [], false]);
    expect(shim.state).toBe('created');
    expect((await bed.begin(shim)).pid).toBe(bed.pid);
    expect(await shim.exited).toMatchObject({ exitCode: 3, signal: null });
    expect(demux(await output)).toEqual({ stdout: 'out\n', stderr: 'err\n' });
    expect(bed.records().map(({ log }) => log).sort()).toEqual(['err\n', 'out\n']);
    expect(readFileSync(join(bed.out, 'ran'), 'utf8')).toBe('ran\n');
    await shim.deleted;
    await until(() => bed.left.length === 0);
  });

  it('leaves a running container as the runtime itself would have started it', async () => {
    await using bed = new GateBed(['sleep', '1000']);
    const shim = await bed.launch();
    await bed.create(shim);
    const { pid } = await bed.begin(shim);
    expect([bed.status, existsSync(bed.gate)]).toEqual(['running', false]);
    await until(() => readFileSync(`/proc/${pid}/cmdline`, 'latin1') === 'sleep\0' + '1000\0');
    await shim.kill(15);
    await shim.kill(9);
    expect(await shim.exited).toMatchObject({ exitCode: 137, signal: 9 });
    await shim.deleted;
    await until(() => bed.left.length === 0);
  });

  it('starts what it was not fed before', async () => {
    await using bed = new GateBed(['sh', '-c', 'echo out; exit 4']);
    const shim = await bed.launch();
    const output = bed.attach().then(readAll);
    await bed.go(shim);
    expect(await shim.exited).toMatchObject({ exitCode: 4 });
    expect(demux(await output).stdout).toBe('out\n');
    expect(existsSync(bed.gate)).toBe(false);
    await shim.deleted;
    await until(() => bed.left.length === 0);
  });

  it('is started while the runtime is still at work, time and again', async () => {
    for (let code = 0; code < 8; code++) {
      await using bed = new GateBed(['sh', '-c', `echo ${code}; exit ${code}`]);
      const shim = await bed.launch();
      // odd ones before the runtime has come to wait
      if (code % 2 === 0) await bed.waiting();
      const output = bed.attach().then(readAll);
      bed.write();
      await Promise.all([shim.feed(), shim.claim(), shim.start()]);
      expect(await shim.exited).toMatchObject({ exitCode: code });
      expect(demux(await output).stdout).toBe(`${code}\n`);
      await shim.deleted;
      await until(() => bed.left.length === 0);
    }
  });

  it.skipIf(!hasNotices).each([
    ['0', []],
    ['1', ['the runtime has started the container, and ended with status 256']],
  ])('tells of the start while the runtime takes its time to end, with status %s', async (status, complaints) => {
    await using bed = new GateBed(['true']);
    const options = bed.options();
    const path = join(bed.dir, 'slow-to-end');
    const end = join(bed.dir, 'end');
    // A runtime whose first process is its own child, as runc's is until that has ended.
    const create = [
      `cat ${bed.dir}/config.json >/dev/null; mkdir -p ${join(bed.dir, 'runc', bed.id)}; mkfifo ${bed.gate} ${end}`,
      `sh -c 'echo $$ >${bed.dir}/pid.new; mv ${bed.dir}/pid.new ${bed.dir}/pid; echo 0 >${bed.gate}; echo out; exit 6' &`,
      // not a shell, which would take up the end of its child
      `exec grep -q '^0$' ${end}`,
    ];
    const script = `#!/bin/sh\ncase "$*" in *" create "*) ;; *) rm -rf ${bed.dir}/runc; exit 0 ;; esac\n${create.join('\n')}\n`;
    writeFileSync(path, script, { mode: 0o755 });
    const shim = await launchShim({ ...options, runtime: { ...options.runtime, path } });
    const output = bed.attach().then(readAll);
    await bed.feed(shim);
    expect((await bed.begin(shim)).pid).toBe(bed.pid);
    expect([shim.state, existsSync(bed.exitFile)]).toEqual(['running', false]);
    const fds = `/proc/${parentPid(parentPid(bed.pid))}/fd`;
    const held = readdirSync(fds).map((fd) => linkTarget(join(fds, fd)));
    writeFileSync(end, `${status}\n`);
    expect(held).toContain(join(bed.dir, 'shim.log'));
    expect(held.filter((target) => target.startsWith(join(bed.dir, 'config.json')))).toEqual([]);
    expect(await shim.exited).toMatchObject({ exitCode: 6, signal: null });
    expect(demux(await output).stdout).toBe('out\n');
    await shim.deleted;
    await until(() => bed.left.length === 0);
    const log = readFileSync(join(bed.dir, 'shim.log'), 'utf8');
    expect(log.match(/the runtime has .*/g) ?? []).toEqual(complaints);
  });

  it('passes on a specification that no pipe holds', async () => {
    await using bed = new GateBed(['true']);
    const shim = await bed.launch();
    await bed.waiting();
    await bed.feed(shim, bed.largeSpec);
    await bed.begin(shim);
    expect(await shim.exited).toMatchObject({ exitCode: 0 });
    await shim.deleted;
  });

  it.each([
    ['at once', false, false],
    ['at once, with a terminal', false, true],
    ['once it is there', true, false],
    ['once it is there, with a terminal', true, true],
  ])('takes what was created back when it is told to, %s', async (_, isPatient, tty) => {
    await using bed = new GateBed(['sh', '-c', 'echo ran >/tmp/ran'], { tty });
    const shim = await bed.launch();
    await bed.waiting();
    await (isPatient ? bed.create(shim) : bed.feed(shim));
    await shim.quit();
    await expect(shim.exited).rejects.toMatchObject(lost);
    // and not a moment later: the connection was to end when nothing is left
    expect([bed.left, readdirSync(bed.out), existsSync(bed.exitFile)]).toEqual([[], [], false]);
  });

  it('is told to quit as often as one likes, and does nothing else from then on', async () => {
    await using bed = new GateBed(['sh', '-c', 'echo ran >/tmp/ran']);
    const shim = await bed.launch();
    await bed.create(shim);
    const refused = { kind: 'conflict' };
    // or it may have left before it is told the last of it
    const shimPid = parentPid(bed.pid);
    process.kill(shimPid, 'SIGSTOP');
    const said = [shim.quit(), shim.quit(), shim.claim(), shim.feed(), shim.start()];
    await new Promise((written) => setImmediate(written));
    process.kill(shimPid, 'SIGCONT');
    const outcomes = await Promise.allSettled(said);
    expect(outcomes.slice(0, 2).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
    const reasons = outcomes.slice(2).map((outcome) => (outcome as PromiseRejectedResult).reason as unknown);
    expect(reasons).toMatchObject([refused, refused, lost]);
    expect([bed.left, readdirSync(bed.out)]).toEqual([[], []]);
  });

  it.each([
    ['at once', false, false],
    ['once it is there', true, false],
    ['claimed', true, true],
  ])('takes it back when nobody is there any more, %s', async (_, isPatient, isClaimed) => {
    await using bed = new GateBed(['sh', '-c', 'echo ran >/tmp/ran']);
    const shim = await bed.launch();
    await bed.waiting();
    await (isPatient ? bed.create(shim) : bed.feed(shim));
    if (isClaimed) await shim.claim();
    shim.close();
    await until(() => bed.left.length === 0);
    expect(readdirSync(bed.out)).toEqual([]);
  });

  it('goes on with the start that it was told of when nobody is there any more', async () => {
    await using bed = new GateBed(['sh', '-c', 'echo alone; exit 7']);
    const shim = await bed.launch();
    await bed.create(shim);
    await bed.begin(shim);
    shim.close();
    await until(() => existsSync(bed.exitFile));
    expect(await readExitRecord(bed.exitFile)).toMatchObject({ exitCode: 7 });
    await until(() => bed.left.length === 0);
  });

  it.each([
    ['started at once', false, false],
    ['started at once, with a terminal', false, true],
    ['started when it has ended', true, false],
    ['started when it has ended, with a terminal', true, true],
  ])('says why the runtime could not create it, %s', async (_, isPatient, tty) => {
    await using bed = new GateBed(['/no/such/command'], { tty });
    const shim = await bed.launch();
    await bed.waiting();
    await bed.feed(shim);
    if (isPatient) await until(() => bed.runtimePid === 0);
    const failure = await bed.begin(shim).then(() => null, (error: unknown) => error);
    expect(failure).toBeInstanceOf(RuntimeStartError);
    expect((failure as RuntimeStartError).runtimeExitCode).toBe(1);
    expect((failure as Error).message).toContain(MISSING);
    await until(() => bed.left.length === 0);
    expect(await readExitRecord(bed.exitFile)).toBeNull();
  });

  it('leaves at once when it is alone with a runtime that could not create it', async () => {
    await using bed = new GateBed(['/no/such/command']);
    const shim = await bed.launch();
    await bed.waiting();
    await bed.feed(shim);
    await until(() => bed.runtimePid === 0);
    shim.close();
    await until(() => bed.left.length === 0);
  });

  it('tells of a first process that was killed while it waited', async () => {
    await using bed = new GateBed(['sh', '-c', 'echo ran >/tmp/ran']);
    const shim = await bed.launch();
    const output = bed.attach().then(readAll);
    await bed.create(shim);
    const { pid } = bed;
    await shim.claim();
    process.kill(pid, 'SIGKILL');
    expect((await shim.start()).pid).toBe(pid);
    expect(await shim.exited).toMatchObject({ exitCode: 137, signal: 9 });
    expect([(await output).length, readdirSync(bed.out)]).toEqual([0, []]);
    await shim.deleted;
    await until(() => bed.left.length === 0);
  });

  it('can not be claimed when its first process was killed while it waited', async () => {
    await using bed = new GateBed(['true']);
    const shim = await bed.launch();
    await bed.create(shim);
    const { pid } = bed;
    process.kill(pid, 'SIGKILL');
    // with all its threads, of which the first may be the quickest
    await until(() => / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')) && readdirSync(`/proc/${pid}/task`).length === 1);
    await expect(shim.claim()).rejects.toMatchObject({ kind: 'conflict', message: 'No such process' });
    shim.close();
    await until(() => bed.left.length === 0);
  });

  it('takes back one whose first process was killed while it waited', async () => {
    await using bed = new GateBed(['true']);
    const shim = await bed.launch();
    await bed.create(shim);
    process.kill(bed.pid, 'SIGKILL');
    await shim.quit();
    await expect(shim.exited).rejects.toMatchObject(lost);
    expect(bed.left).toEqual([]);
  });

  it('has the runtime use force when that would not delete it else', async () => {
    await using bed = new GateBed(['true']);
    const options = bed.options();
    const path = join(bed.dir, 'reluctant');
    const script = '#!/bin/sh\ncase "$*" in *" delete --force "*) ;; *" delete "*) exit 1 ;; esac\nexec runc "$@"\n';
    writeFileSync(path, script, { mode: 0o755 });
    const shim = await launchShim({ ...options, runtime: { ...options.runtime, path } });
    await bed.create(shim);
    await shim.quit();
    await expect(shim.exited).rejects.toMatchObject(lost);
    expect(bed.left).toEqual([]);
  });

  it.each([
    ['goes on', 'SIGCONT', { exitCode: 5, signal: null }],
    ['is killed', 'SIGKILL', { exitCode: 137, signal: 9 }],
  ] as const)('waits at the gate for a first process that is stopped, until it %s', async (_, signal, exit) => {
    await using bed = new GateBed(['sh', '-c', 'exit 5']);
    const shim = await bed.launch();
    await bed.create(shim);
    process.kill(bed.pid, 'SIGSTOP');
    const starting = bed.begin(shim);
    const other = await ShimClient.connect(bed.socketPath);
    await until(async () => {
      const late = await ShimClient.connect(bed.socketPath);
      late.close();
      return late.state === 'starting';
    });
    process.kill(bed.pid, signal);
    expect((await starting).pid).toBe(bed.pid);
    expect(await other.exited).toMatchObject(exit);
    await shim.deleted;
    await until(() => bed.left.length === 0);
  });

  it.each([
    ['before it has read anything', false],
    ['in the middle of the specification', true],
  ])('leaves nothing when its runtime is killed %s', async (_, isLarge) => {
    await using bed = new GateBed(['true']);
    const shim = await bed.launch();
    await bed.waiting();
    const runtime = bed.runtimePid;
    process.kill(runtime, 'SIGSTOP');
    await bed.feed(shim, isLarge ? bed.largeSpec : undefined);
    process.kill(runtime, 'SIGKILL');
    await expect(shim.exited).rejects.toMatchObject(lost);
    await until(() => bed.left.length === 0);
  });

  it('leaves nothing when its runtime is killed while that creates the container', async () => {
    await using bed = new GateBed(['true']);
    const shim = await bed.launch();
    await bed.waiting();
    const runtime = bed.runtimePid;
    await bed.feed(shim);
    await until(() => existsSync(bed.gate));
    try {
      process.kill(runtime, 'SIGKILL');
    } catch {
      // it was quicker
    }
    await shim.quit().catch(() => undefined);
    // of control groups the runtime knows only from what it has written down at the end
    await until(() => bed.left.every((what) => what.startsWith('/sys/fs/cgroup/')));
    for (const group of bed.left) rmdirSync(group);
  });

  it('has a terminal, which can be resized before the start', async () => {
    const consoleSize = { height: 20, width: 70 };
    await using bed = new GateBed(['sh', '-c', 'stty size; read x; echo "got $x"'], { tty: true, stdin: true, consoleSize });
    const shim = await bed.launch();
    const socket = await bed.attach(true);
    await bed.create(shim);
    await bed.begin(shim);
    expect(await readUntil(socket, '\n')).toBe('20 70\r\n');
    socket.write('input\n');
    expect(await readUntil(socket, 'got')).toContain('got input');
    expect(await shim.exited).toMatchObject({ exitCode: 0 });

    await using other = new GateBed(['stty', 'size'], { tty: true, consoleSize });
    const resized = await other.launch();
    const output = other.attach().then(readAll);
    await other.create(resized);
    await resized.resize(30, 90);
    await other.begin(resized);
    expect((await output).toString()).toBe('30 90\r\n');
  });

  it('delivers what was sent to stdin before the start, and its end', async () => {
    await using bed = new GateBed(['cat'], { stdin: true, stdinOnce: true });
    const shim = await bed.launch();
    const socket = await bed.attach(true);
    const text = 'x'.repeat(300_000);
    socket.end(text);
    await bed.create(shim);
    const output = readAll(socket);
    await bed.begin(shim);
    expect(demux(await output).stdout).toBe(text);
    expect(await shim.exited).toMatchObject({ exitCode: 0 });

    await using closed = new GateBed(['cat'], { stdin: true });
    const other = await closed.launch();
    await closed.create(other);
    await other.closeStdin();
    await closed.begin(other);
    expect(await other.exited).toMatchObject({ exitCode: 0 });
  });

  it('has no process for anybody before the start', async () => {
    await using bed = new GateBed(['sh', '-c', 'exit 6']);
    const shim = await bed.launch();
    await bed.create(shim);
    for (const signal of [9, 15]) {
      await expect(shim.kill(signal)).rejects.toMatchObject({ kind: 'conflict', message: 'no such process' });
    }
    await expect(shim.resize(1, 2)).rejects.toMatchObject({ kind: 'conflict', message: 'not a terminal' });
    const other = await ShimClient.connect(bed.socketPath);
    expect(other).toMatchObject({ state: 'created', pid: 0 });
    await bed.begin(shim);
    expect(await other.exited).toMatchObject({ exitCode: 6 });
  });

  it('is fed once, before the start, with a file', async () => {
    await using plain = new AheadBed(['true']);
    const ungated = await plain.launch();
    plain.write();
    await expect(ungated.feed()).rejects.toMatchObject({ kind: 'conflict', message: 'cannot feed while created' });

    await using bed = new GateBed(['sleep', '1000']);
    const shim = await bed.launch();
    const refused = { kind: 'conflict', message: 'Invalid argument' };
    await bed.waiting();
    await expect(shim.feed()).rejects.toMatchObject(refused);
    await bed.feed(shim);
    await expect(shim.feed()).rejects.toMatchObject(refused);
    await bed.begin(shim);
    await expect(shim.feed()).rejects.toMatchObject({ kind: 'conflict', message: 'cannot feed while running' });
    await expect(shim.quit()).rejects.toMatchObject({ kind: 'conflict', message: 'cannot quit while running' });
    await shim.kill(9);
    expect(await shim.exited).toMatchObject({ exitCode: 137 });
  });
});

describe('stdin', () => {
  it('delivers what was sent before the start, and its end', async () => {
    await using bed = new Bed(['cat'], { stdin: true, stdinOnce: true });
    const shim = await bed.launch();
    const socket = await bed.attach(true);
    const text = 'x'.repeat(300_000);
    socket.end(text);
    const output = readAll(socket);
    await shim.start();
    expect(demux(await output).stdout).toBe(text);
    expect(await shim.exited).toMatchObject({ exitCode: 0 });
  });

  it('stays open for the next client without stdin-once, as in dockerd', async () => {
    await using bed = new Bed(['cat'], { stdin: true });
    const shim = await bed.launch();
    await shim.start();
    const first = await bed.attach(true);
    first.write('one\n');
    await readUntil(first, 'one\n');
    first.end();
    first.resume();
    await until(() => first.readableEnded);
    const second = await bed.attach(true);
    second.write('two\n');
    await readUntil(second, 'two\n');
    await shim.closeStdin();
    expect(await shim.exited).toMatchObject({ exitCode: 0 });
  });

  it('is empty unless asked for', async () => {
    await using bed = new Bed(['cat']);
    const shim = await bed.launch();
    await shim.start();
    expect(await shim.exited).toMatchObject({ exitCode: 0 });
  });
});

describe('a terminal', () => {
  it('has its size before the process starts, is resized, and merges the streams unframed', async () => {
    await using bed = new Bed(['sh', '-c', 'stty size; echo err >&2; read x; stty size; echo "got $x"'], {
      tty: true,
      stdin: true,
      consoleSize: { height: 31, width: 101 },
    });
    const path = join(bed.dir, 'config.json');
    const spec = JSON.parse(readFileSync(path, 'utf8'));
    spec.process.consoleSize = { height: 31, width: 101 };
    writeFileSync(path, JSON.stringify(spec));
    const shim = await bed.launch();
    const socket = await bed.attach(true);
    await shim.start();
    expect(await readUntil(socket, 'err\r\n')).toBe('31 101\r\nerr\r\n');
    await shim.resize(40, 120);
    socket.write('input\n');
    expect(await readUntil(socket, 'got')).toContain('40 120\r\n');
    expect(await shim.exited).toMatchObject({ exitCode: 0 });
  });
});

describe('attach clients', () => {
  it('all get everything; one that leaves does not matter; one that stalls loses nothing', async () => {
    await using bed = new Bed(['sh', '-c', 'read x; seq 1 400000; echo done >&2'], { stdin: true, log: null });
    const shim = await bed.launch();
    await shim.start();
    const leaver = await bed.attach();
    const stalled = await bed.attach();
    const onlyStderr = await bed.attach(false, false, true);
    const reader = await bed.attach(true);
    const output = readAll(reader);
    reader.write('go\n');
    await new Promise((next) => setTimeout(next, 50));
    leaver.destroy();
    const late = readAll(stalled);
    const expected = execFileSync('seq', ['1', '400000'], { encoding: 'utf8', maxBuffer: 1 << 24 });
    expect(demux(await output).stdout === expected).toBe(true);
    expect(demux(await late).stdout === expected).toBe(true);
    expect(demux(await readAll(onlyStderr))).toEqual({ stdout: '', stderr: 'done\n' });
  });

  it('get the same bytes when output goes past the shim without a copy, also when they pause', async () => {
    await using bed = new Bed(['seq', '1', '3000000'], { log: null });
    const shim = await bed.launch();
    const socket = await bed.attach();
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (chunks.length % 50 === 0) {
        socket.pause();
        setTimeout(() => socket.resume(), 2);
      }
    });
    const ended = new Promise((done) => socket.once('end', done));
    await shim.start();
    await ended;
    const expected = execFileSync('seq', ['1', '3000000'], { encoding: 'utf8', maxBuffer: 1 << 26 });
    expect(demux(Buffer.concat(chunks)).stdout === expected).toBe(true);
  });

  it('see the end only after the exit is announced', async () => {
    await using bed = new Bed(['sh', '-c', 'echo x; exit 5']);
    const shim = await bed.launch();
    const socket = await bed.attach();
    let exited = false;
    void shim.exited.then(() => (exited = true));
    const recorded = new Promise<boolean>((done) => socket.once('end', () => done(existsSync(bed.exitFile))));
    socket.resume();
    await shim.start();
    expect(await recorded).toBe(true);
    await until(() => exited);
  });
});

describe('exec', () => {
  const exec = (bed: Bed, name: string, process: object, extra: Partial<ShimOptions> = {}): ShimOptions => {
    const path = join(bed.dir, `${name}.json`);
    writeFileSync(path, JSON.stringify({ cwd: '/', user: { uid: 0, gid: 0 }, env: ['PATH=/bin'], ...process }));
    const at = (suffix: string): string => join(bed.dir, `${name}.${suffix}`);
    return bed.options({
      process: { execProcess: path },
      runtime: { path: 'runc', root: join(bed.dir, 'runc'), logPath: at('log') },
      socketPath: at('s'),
      exitFile: at('exit'),
      pidFile: at('pid'),
      log: null,
      ...extra,
    });
  };

  it('runs beside the first process, with its own streams and exit code', async () => {
    await using bed = new Bed(['sleep', '1000']);
    const container = await bed.launch();
    await container.start();
    const options = exec(bed, 'e1', { args: ['sh', '-c', 'cat; echo e >&2; exit 4'] }, { stdin: true, stdinOnce: true });
    const shim = await launchShim(options);
    const socket = await attachToShim(options.socketPath, { stdin: true, stdout: true, stderr: true });
    socket.end('hello');
    const output = readAll(socket);
    await shim.start();
    expect(await shim.exited).toMatchObject({ exitCode: 4 });
    expect(demux(await output)).toEqual({ stdout: 'hello', stderr: 'e\n' });
    await shim.deleted;
    expect(container.state).toBe('running');
  });

  it('with a background process that keeps the output open ends after a bounded time', async () => {
    await using bed = new Bed(['sleep', '1000']);
    await (await bed.launch()).start();
    const options = exec(bed, 'e2', { args: ['sh', '-c', '(sleep 0.3; echo late; sleep 100) & echo early'] });
    const shim = await launchShim(options);
    const socket = await attachToShim(options.socketPath, { stdin: false, stdout: true, stderr: true });
    const output = readAll(socket);
    await shim.start();
    expect(await shim.exited).toMatchObject({ exitCode: 0 });
    expect(demux(await output).stdout).toBe('early\nlate\n');
  });

  it('fails with the words and the exit code of the runtime', async () => {
    await using bed = new Bed(['sleep', '1000']);
    await (await bed.launch()).start();
    const shim = await launchShim(exec(bed, 'e3', { args: ['nope'] }));
    const failure = (await shim.start().catch((error: unknown) => error)) as RuntimeStartError;
    expect(failure.runtimeExitCode).toBe(255);
    expect(failure.message).toContain('exec: "nope": executable file not found in $PATH');
  });
});

describe('the json-file log', () => {
  it('is what dockerd writes', async () => {
    const script = readFileSync(resolve('src/host/shim/testdata/log-lines.sh'), 'utf8');
    const golden = readFileSync(resolve('src/host/shim/testdata/log-lines.json-log'), 'utf8');
    await using bed = new Bed(['sh', '-c', script], { log: {} });
    const shim = await bed.launch();
    await shim.start();
    await shim.exited;
    const withoutTimes = (text: string): string => text.replace(/"time":"[^"]*"/g, '"time":""');
    const written = readFileSync(bed.logPath, 'utf8');
    expect(withoutTimes(written)).toBe(withoutTimes(golden));
    for (const { time } of bed.records()) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z$/);
  });

  it('cuts long lines into pieces of 16 KiB that share a time, and carries attributes', async () => {
    const script = 'head -c 40000 /dev/zero | tr "\\\\0" b; echo; head -c 16384 /dev/zero | tr "\\\\0" a; echo';
    await using bed = new Bed(['sh', '-c', script], { log: { attrs: { foo: 'a<b', bar: 'x' } } });
    const shim = await bed.launch();
    await shim.start();
    await shim.exited;
    const records = bed.records();
    expect(records.map((record) => record.log.length)).toEqual([16384, 16384, 7233, 16384, 1]);
    expect(new Set(records.slice(0, 3).map((record) => record.time)).size).toBe(1);
    expect(readFileSync(bed.logPath, 'utf8')).toContain('"stream":"stdout","attrs":{"bar":"x","foo":"a\\u003cb"},"time":"');
  });

  for (const compress of [false, true]) {
    it(`rotates as dockerd does${compress ? ', compressed' : ''}`, async () => {
      await using bed = new Bed(['sh', '-c', 'for i in $(seq 60); do echo line $i; done'], {
        log: { maxSizeBytes: 1000, maxFiles: 3, compress },
      });
      const shim = await bed.launch();
      await shim.start();
      await shim.exited;
      await shim.deleted;
      const suffix = compress ? '.gz' : '';
      await until(() => existsSync(`${bed.logPath}.1${suffix}`));
      const names = readdirSync(bed.dir).filter((name) => /^log/.test(name));
      expect(names.sort()).toEqual(['log', `log.1${suffix}`, `log.2${suffix}`]);
      const lines = [`${bed.logPath}.2${suffix}`, `${bed.logPath}.1${suffix}`, bed.logPath].flatMap((path) => bed.records(path));
      expect(lines.at(-1)?.log).toBe('line 60\n');
      expect(lines.map((line) => Number(line.log.slice(5)))).toEqual(
        Array.from({ length: lines.length }, (_, i) => 61 - lines.length + i),
      );
      expect(bed.records(`${bed.logPath}.1${suffix}`)).toHaveLength(13);
    });
  }
});

describe('launching', () => {
  let bed: Bed | null = null;
  afterEach(async () => {
    await bed?.[Symbol.asyncDispose]();
    bed = null;
  });

  it('refuses a socket path that the kernel would cut off', async () => {
    bed = new Bed(['true']);
    await expect(launchShim(bed.options({ socketPath: `/tmp/${'x'.repeat(110)}` }))).rejects.toThrow(/at most 103 are possible/);
  });

  it("passes on the shim's complaint", async () => {
    bed = new Bed(['true']);
    await expect(launchShim(bed.options({ socketPath: '/no/such/dir/s' }))).rejects.toThrow(/No such file or directory/);
  });

  it('can be taken back before the start', async () => {
    bed = new Bed(['true']);
    const shim = await bed.launch();
    await shim.quit();
    await until(() => !existsSync(bed!.socketPath));
    await expect(shim.start()).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

describe('exit records', () => {
  it('are whole or refused', async () => {
    const path = join(home, 'record');
    expect(await readExitRecord(path)).toBeNull();
    writeFileSync(path, '{"exitCode":0,"sig');
    await expect(readExitRecord(path)).rejects.toThrow(/corrupt exit record/);
    expect(parseExitRecord('{"exitCode":-1,"signal":0,"ooms":0,"finishedAt":"x"}')?.exitCode).toBeNull();
  });
});
