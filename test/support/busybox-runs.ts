import { expect } from 'vitest';
import type { CommandResult } from './command.js';
import type { TestDaemon } from './test-daemon.js';

/** Short ways to the docker CLI for files whose tests are mostly `docker run --rm … busybox sh -c …`. */
export function busyboxRuns(suite: { readonly daemon: TestDaemon }) {
  const docker = (...args: string[]): Promise<CommandResult> => suite.daemon.docker(args);
  const ok = (...args: string[]): Promise<string> => suite.daemon.ok(...args);
  const busybox = (options: string[], script: string): Promise<CommandResult> =>
    docker('run', '--rm', ...options, 'busybox', 'sh', '-c', script);
  /** What the script prints, trimmed; it has to succeed and to say nothing on stderr. */
  const output = async (options: string[], script: string): Promise<string> => {
    const { code, stdout, stderr } = await busybox(options, script);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    return stdout.trim();
  };
  return { docker, ok, busybox, output };
}
