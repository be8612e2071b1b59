import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { run, type CommandOptions, type CommandResult } from './command.js';
import type { TestDaemon } from './test-daemon.js';

/** Where scripts/setup.sh --tests puts the plugin. */
const PLUGIN = '/var/cache/wharfd-tests/cli-plugins/docker-compose';
const OLD_COMPOSE = '/usr/bin/docker-compose';

export type ComposeProgram = 'docker-compose 1' | 'docker compose';

/** Whether that compose is on this machine; the package docker-compose is of 1.x only up to Debian 12. */
export async function hasCompose(program: ComposeProgram): Promise<boolean> {
  if (program === 'docker compose') return existsSync(PLUGIN);
  return (
    existsSync(OLD_COMPOSE) &&
    /version 1\./.test((await run(OLD_COMPOSE, ['version', '--short'])).stdout.replace(/^/, 'version '))
  );
}

/** Lets the CLI of this daemon's environment find the plugin. */
export function installComposePlugin(daemon: TestDaemon): void {
  const plugins = join(daemon.environment['DOCKER_CONFIG']!, 'cli-plugins');
  mkdirSync(plugins, { recursive: true });
  if (!existsSync(join(plugins, 'docker-compose'))) symlinkSync(PLUGIN, join(plugins, 'docker-compose'));
}

/** A folder with a compose file, and the stock program that acts on it. */
export class ComposeProject {
  readonly dir: string;

  constructor(
    private readonly daemon: TestDaemon,
    readonly program: ComposeProgram,
    readonly name: string,
    file: string,
  ) {
    this.dir = join(daemon.dir, name);
    mkdirSync(this.dir);
    writeFileSync(join(this.dir, 'docker-compose.yml'), file);
    installComposePlugin(daemon);
  }

  /** `old_app_1` of 1.x is `old-app-1` of v2. */
  containerName(service: string, index = 1): string {
    return [this.name, service, index].join(this.program === 'docker compose' ? '-' : '_');
  }

  run(args: string[], options: CommandOptions = {}): Promise<CommandResult> {
    const [program, words] = this.command(args);
    return run(program, words, { ...options, cwd: this.dir, env: { ...this.daemon.environment, ...options.env } });
  }

  /** As run, but failing is an error; gives what it printed on stdout, trimmed. */
  async ok(args: string[], options: CommandOptions = {}): Promise<string> {
    const result = await this.run(args, options);
    if (result.code === 0) return result.stdout.trim();
    throw new Error(`${this.program} ${args.join(' ')} ended with ${result.code}\n${result.stdout}\n${result.stderr}`);
  }

  /** For what goes on until it is killed; the caller does that. */
  spawn(args: string[]): ChildProcess & { readonly text: () => string } {
    const [program, words] = this.command(args);
    const child = spawn(program, words, {
      cwd: this.dir,
      env: { ...process.env, ...this.daemon.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
    return Object.assign(child, { text: () => text });
  }

  private command(args: string[]): [string, string[]] {
    const words = ['--project-name', this.name, ...args];
    return this.program === 'docker compose' ? ['docker', ['compose', ...words]] : [OLD_COMPOSE, words];
  }
}
