import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ApiClient } from './api-client.js';
import { repositoryRoot } from './paths.js';
import { poll } from './poll.js';
import type { TestDaemon } from './test-daemon.js';

/** What the proxy does to requests whose `METHOD path` matches. */
export interface Fault {
  /** A regular expression. */
  match: string;
  /** How often; default: always. */
  times?: number;
  delayMs?: number;
  /** Answers only when the faults are replaced. */
  hold?: boolean;
  /** Answers this instead. */
  status?: number;
  headers?: Record<string, string>;
  body?: string;
  /** Ends the connection after so many bytes of the answer's body. */
  cutAt?: number;
  /** Changes the answer's byte there. */
  corruptAt?: number;
  bytesPerSec?: number;
  /** Ends the connection after so many bytes of the request's body. */
  cutRequestAt?: number;
}

/** A request that one of the servers got. */
export interface Seen {
  line: string;
  range: string | null;
  authorization: string | null;
  /** Of the answer's body. */
  sentBytes: number;
  /** Whether the answer is over, in whichever way. */
  closed: boolean;
}

export interface LabSettings {
  registryPort: number;
  faultPort: number;
  controlSocket: string;
  tokens?: { port: number; certificate: string; key: string };
  tokenSeconds?: number;
  forwardPort?: number;
}

/** Steers registry-lab-server.ts, which runs in the daemon's namespaces. */
export class RegistryLab implements AsyncDisposable {
  private readonly control: ApiClient;

  private constructor(
    private readonly child: ChildProcess,
    private readonly settings: LabSettings,
  ) {
    this.control = new ApiClient(settings.controlSocket);
  }

  /** Where the proxy that fails listens. */
  get address(): string {
    return `127.0.0.1:${this.settings.faultPort}`;
  }

  static async start(daemon: TestDaemon, options: Omit<LabSettings, 'controlSocket'>): Promise<RegistryLab> {
    const settings = { ...options, controlSocket: join(daemon.dir, `lab-${options.faultPort}.sock`) };
    const script = fileURLToPath(new URL('./registry-lab-server.ts', import.meta.url));
    // Entering a mount namespace leaves the working directory, so that packages are not found by name.
    const tsx = join(repositoryRoot, 'node_modules/tsx/dist/loader.mjs');
    const [program, args] = daemon.holder.enter(process.execPath, '--import', tsx, script, JSON.stringify(settings));
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    await poll('the registry lab', () => {
      if (child.exitCode !== null) throw new Error(`the registry lab ended with ${child.exitCode}`);
      return existsSync(settings.controlSocket);
    });
    return new RegistryLab(child, settings);
  }

  /** Replaces all faults, and forgets what was seen. */
  async set(...faults: Fault[]): Promise<void> {
    await this.control.call('POST', '/', faults);
    await this.control.delete('/');
  }

  async seen(match = ''): Promise<Seen[]> {
    const all = (await this.control.get('/')).json as Seen[];
    return all.filter(({ line }) => new RegExp(match).test(line));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null) return;
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGKILL');
    await gone;
  }
}
