import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApiClient } from './api-client.js';
import { cgroupRoot, removeCgroup } from './cgroups.js';
import { run, runOk, type CommandOptions, type CommandResult } from './command.js';
import { NamespaceHolder } from './namespace-holder.js';
import { cliPath } from './paths.js';
import { poll } from './poll.js';

export interface TestDaemonOptions {
  /** More flags for the daemon. */
  flags?: string[];
  /** Shell text run inside the namespaces first. */
  setup?: string;
  /** Where data and sockets go; short, because socket paths are limited to 107 bytes. */
  parentDir?: string;
  /** A file system made for the data-root, e.g. `-t tmpfs -o size=32m`. */
  dataRootMount?: string;
  /** A place other than namespaces of its own, where systemd runs; it is disposed of with the daemon. */
  place?: DaemonPlace;
}

/** Where a daemon runs. */
export type DaemonPlace = Pick<NamespaceHolder, 'pid' | 'enter' | 'run'> & AsyncDisposable;

/**
 * A daemon of a test's own: own network and mount namespace, own data-root, exec-root, socket and cgroup parent.
 * With WHARF_TEST_TARGET=unix:///… the docker and API helpers talk to that daemon instead (to check a test against dockerd);
 * tests that kill or inspect our own daemon ask `isReference` first.
 */
export class TestDaemon implements AsyncDisposable {
  private child: ChildProcess | undefined;
  /** What `up` starts. */
  program = cliPath;

  private constructor(
    readonly holder: DaemonPlace,
    readonly dir: string,
    private readonly flags: string[],
    private readonly cgroupDriver: 'cgroupfs' | 'systemd',
  ) {}

  readonly reference = process.env['WHARF_TEST_TARGET'];

  get socketPath(): string {
    return this.reference?.replace('unix://', '') ?? join(this.dir, 'd.sock');
  }
  get dataRoot(): string {
    return join(this.dir, 'data');
  }
  get execRoot(): string {
    return join(this.dir, 'run');
  }
  get cgroupParent(): string {
    return `/wharf-test-${this.dir.split('-').at(-1)}`;
  }
  private get cgroupFlags(): string[] {
    const driver = ['--exec-opt', `native.cgroupdriver=${this.cgroupDriver}`];
    return this.cgroupDriver === 'systemd' ? driver : [...driver, '--cgroup-parent', this.cgroupParent];
  }
  get logPath(): string {
    return join(this.dir, 'log');
  }
  get pid(): number {
    return this.child!.pid!;
  }
  get isUp(): boolean {
    return this.child?.exitCode === null && this.child.signalCode === null;
  }
  get api(): ApiClient {
    return new ApiClient(this.socketPath);
  }
  get log(): string {
    return readFileSync(this.logPath, 'utf8');
  }

  /** Makes the place and starts the daemon in it. */
  static async start(options: TestDaemonOptions = {}): Promise<TestDaemon> {
    const dir = mkdtempSync(join(options.parentDir ?? '/var/tmp', 'wt-'));
    mkdirSync(join(dir, 'data'));
    mkdirSync(join(dir, 'docker-config'));
    writeFileSync(join(dir, 'daemon.json'), '{}');
    const mount = options.dataRootMount ? `mount ${options.dataRootMount} tmpfs ${join(dir, 'data')}` : '';
    const holder = options.place ?? (await NamespaceHolder.create(`${mount}\n${options.setup ?? ''}`));
    const daemon = new TestDaemon(holder, dir, options.flags ?? [], options.place ? 'systemd' : 'cgroupfs');
    await daemon.up();
    return daemon;
  }

  /** Starts the daemon (again) and waits until it answers. */
  async up(extraFlags: string[] = []): Promise<void> {
    if (this.reference) return;
    const [program, args] = this.holder.enter(
      // Nothing that a container sees may depend on it.
      ...['sh', '-c', 'umask 077; exec "$0" "$@"'],
      process.execPath,
      this.program,
      '--host',
      `unix://${this.socketPath}`,
      '--data-root',
      this.dataRoot,
      '--exec-root',
      this.execRoot,
      '--pidfile',
      join(this.dir, 'pid'),
      '--config-file',
      join(this.dir, 'daemon.json'),
      ...this.cgroupFlags,
      '--debug',
      ...this.flags,
      ...extraFlags,
    );
    // nsenter becomes the daemon: exec keeps the pid.
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const log = createWriteStream(this.logPath, { flags: 'a' });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    this.child = child;
    await poll('the daemon to answer', async () => {
      if (child.exitCode !== null) throw new Error(`the daemon ended with ${child.exitCode}:\n${this.log}`);
      if (!existsSync(this.socketPath)) return false;
      return this.api.get('/_ping').then(
        (reply) => reply.status === 200,
        () => false,
      );
    });
  }

  /** Ends the daemon with a signal and waits until it is gone. Containers stay. */
  async down(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const gone = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill(signal);
    return gone;
  }

  get environment(): Record<string, string> {
    return {
      DOCKER_HOST: `unix://${this.socketPath}`,
      DOCKER_CONFIG: join(this.dir, 'docker-config'),
      DOCKER_CLI_HINTS: 'false',
    };
  }

  /** Runs the stock docker CLI against the daemon. */
  docker(args: string[], options: CommandOptions = {}): Promise<CommandResult> {
    return run('docker', args, { ...options, env: { ...this.environment, ...options.env } });
  }

  /** As docker, but failing is an error; gives what it printed, trimmed. */
  async ok(...args: string[]): Promise<string> {
    return (await runOk('docker', args, { env: this.environment })).trim();
  }

  /** Removes every container, then stops the daemon and takes the place down. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.reference) {
      if (this.isUp) await this.removeAllContainers();
      await this.down();
    }
    removeCgroup(this.cgroupParent, cgroupRoot(this.holder.pid));
    await this.holder[Symbol.asyncDispose]();
    rmSync(this.dir, { recursive: true, force: true });
  }

  async removeAllContainers(): Promise<void> {
    const all = await this.api.get('/containers/json?all=1');
    for (const { Id } of (all.json ?? []) as { Id: string }[]) {
      await this.api.delete(`/containers/${Id}?force=1&v=1`);
    }
  }
}
