import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { ApiClient } from '../support/api-client.js';
import { run, type CommandOptions } from '../support/command.js';

/** One of the two daemons of a benchmark. */
export class Target {
  readonly api: ApiClient;
  private daemon: string | undefined;
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(
    readonly name: string,
    readonly socketPath: string,
  ) {
    this.api = new ApiClient(socketPath);
  }

  /** Runs the docker CLI; a failure is an error, so that a benchmark can't be won by failing fast. */
  async docker(args: string[], options: CommandOptions = {}): Promise<string> {
    const result = await run('docker', args, {
      timeoutMs: 300_000,
      ...options,
      env: { DOCKER_HOST: `unix://${this.socketPath}`, DOCKER_CLI_HINTS: 'false', ...options.env },
    });
    if (result.code !== 0) throw new Error(`${this.name}: docker ${args.join(' ')}: ${result.stderr}`);
    return result.stdout.trim();
  }

  /** A call on a kept connection, as SDKs make them; the body is read to its end. */
  quickGet(path: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const sent = request({ socketPath: this.socketPath, path, agent: this.agent }, (reply) => {
        reply.resume();
        reply.on('end', () => resolve(reply.statusCode!));
      });
      sent.on('error', reject);
      sent.end();
    });
  }

  /** As ApiClient.call, but any status of 400 and above is an error. */
  async call(method: string, path: string, body?: unknown): Promise<any> {
    const reply = await this.api.call(method, path, body, {}, 300_000);
    if (reply.status >= 400) throw new Error(`${this.name}: ${method} ${path}: ${reply.status} ${reply.text}`);
    return reply.json;
  }

  /** Creates and starts a container of sleep; gives its id. */
  async startSleeper(): Promise<string> {
    const { Id } = await this.call('POST', '/containers/create', { Image: 'busybox', Cmd: ['sleep', '1000'] });
    await this.call('POST', `/containers/${Id}/start`);
    return Id as string;
  }

  /** Starts a program in the network namespace of the engine; the caller ends it. */
  spawnBeside(program: string, args: string[]): ChildProcess {
    const daemon = this.findDaemon();
    if (!daemon) throw new Error(`${this.name}: can't find the daemon's process`);
    return spawn('nsenter', [`--net=/proc/${daemon}/ns/net`, program, ...args], { stdio: 'ignore' });
  }

  /**
   * Bytes of memory (PSS) of all processes of the engine: those in the mount namespace of the process that was started
   * with this socket, which leaves the containers out. 0 where it can't be found.
   */
  engineMemoryBytes(): number {
    const processes = pids();
    const daemon = this.findDaemon();
    if (!daemon) return 0;
    const namespace = link(`/proc/${daemon}/ns/mnt`);
    return processes
      .filter(
        (pid) => link(`/proc/${pid}/ns/mnt`) === namespace && !/^(sleep|bash)\0/.test(read(`/proc/${pid}/cmdline`)),
      )
      .map((pid) => Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1024)
      .reduce((sum, bytes) => sum + bytes, 0);
  }

  private findDaemon(): string | undefined {
    return (this.daemon ??= pids().find((pid) => this.isServedBy(pid)));
  }

  /** The process that serves the socket. Throws when it can't be found. */
  daemonPid(): string {
    const daemon = this.findDaemon();
    if (!daemon) throw new Error(`${this.name}: no process serves ${this.socketPath}`);
    return daemon;
  }

  /** The words that start the engine, without its flags. */
  program(): string[] {
    const words = read(`/proc/${this.daemonPid()}/cmdline`).split('\0');
    return words.slice(
      0,
      words.findIndex((word) => word.startsWith('-')),
    );
  }

  /** Whether the socket that a process was started with, seen from its own root, is this one. */
  private isServedBy(pid: string): boolean {
    const words = read(`/proc/${pid}/cmdline`).split('\0');
    // The benchmark itself, and what started it, name the sockets too.
    if (words.includes('--against') || words.includes('--ours')) return false;
    const socket = words.find((word) => word.startsWith('unix://'))?.slice('unix://'.length);
    return (
      !!socket &&
      /(dockerd|node|podman)$/.test(words[0] ?? '') &&
      sameFile(`/proc/${pid}/root${socket}`, this.socketPath)
    );
  }
}

const pids = (): string[] => readdirSync('/proc').filter((name) => /^\d+$/.test(name));

function sameFile(one: string, other: string): boolean {
  try {
    const [a, b] = [statSync(one), statSync(other)];
    return a.ino === b.ino && a.dev === b.dev;
  } catch {
    return false; // not there for one of them
  }
}

/** '' when the process has ended meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
