import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { poll } from './poll.js';
import type { TestDaemon } from './test-daemon.js';

/** Debian's docker-registry on loopback inside the daemon's network namespace, kept below the daemon's directory. */
export class LocalRegistry implements AsyncDisposable {
  private constructor(
    private readonly child: ChildProcess,
    readonly address: string,
  ) {}

  /** `auth`: text of the registry's `auth:` section; `tls`: of the one below `http:`. */
  static async start(
    daemon: TestDaemon,
    options: { host?: string; port?: number; auth?: string; tls?: string; name?: string } = {},
  ): Promise<LocalRegistry> {
    const dir = join(daemon.dir, options.name ?? 'registry');
    mkdirSync(dir, { recursive: true });
    const host = options.host ?? '127.0.0.1';
    const port = options.port ?? 5000;
    const address = `${host}:${port}`;
    const config = [
      'version: 0.1',
      'log: {level: error}',
      `storage: {filesystem: {rootdirectory: ${dir}/data}, delete: {enabled: true}}`,
      `http: {addr: "${address}"${options.tls ? `, tls: ${options.tls}` : ''}}`,
      options.auth ?? '',
    ].join('\n');
    writeFileSync(join(dir, 'config.yml'), config);
    const [program, args] = daemon.holder.enter('docker-registry', 'serve', join(dir, 'config.yml'));
    const child = spawn(program, args, { stdio: 'ignore' });
    await poll('the registry', async () => {
      if (child.exitCode !== null) throw new Error(`docker-registry ended with ${child.exitCode}`);
      return (await daemon.holder.run(['bash', '-c', `exec 3<>/dev/tcp/${host}/${port}`])).code === 0;
    });
    return new LocalRegistry(child, address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null) return;
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGTERM');
    await gone;
  }
}
