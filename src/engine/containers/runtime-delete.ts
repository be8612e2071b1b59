import { execFile, type ExecFileException } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { kernelCgroupPath } from '../../host/cgroup/cgroup-layout.js';
import { internal } from '../../shared/errors.js';
import type { Container } from './container.js';
import type { ContainersContext } from './containers-context.js';
import { cgroupsPath } from './spec-request.js';

const run = promisify(execFile);
const TIMEOUT_MS = 30_000;

/** Global flags of every call of the runtime. */
export function runtimeCommand(ctx: ContainersContext, container: Container): { path: string; args: string[] } {
  const runtime = ctx.deps.oci.runtimes.resolve(container.hostConfig.runtime);
  const systemd = ctx.deps.defaults.cgroupDriver === 'systemd' ? ['--systemd-cgroup'] : [];
  return { path: runtime.path, args: ['--root', ctx.deps.paths.runtimeRoot, ...runtime.args, ...systemd] };
}

/** Whether the runtime has, or is about to have, such a container. */
export function isKnownToRuntime({ deps }: ContainersContext, id: string): boolean {
  return existsSync(join(deps.paths.runtimeRoot, id));
}

/** Kills whatever is left of a container and makes the runtime forget it; one that it does not know is fine. Never throws. */
export async function deleteFromRuntime(ctx: ContainersContext, container: Container): Promise<void> {
  try {
    const { path, args } = runtimeCommand(ctx, container);
    await run(path, [...args, 'delete', '--force', container.id], { timeout: TIMEOUT_MS });
    // One that was killed before it had written down what it made knows nothing of it.
    await ctx.deps.cgroups.remove(kernelCgroupPath(cgroupsPath(ctx, container)));
  } catch (err) {
    ctx.deps.log.debug({ err, container: container.id }, 'the runtime did not delete the container');
  }
}

/** `runc did not terminate successfully: exit status 1: …` with the last error that it logged, or all that it wrote. */
export function runtimeFailure(path: string, error: ExecFileException, stderr: string): string {
  const logged = [...stderr.matchAll(/level=error msg=("(?:[^"\\]|\\.)*")/g)].at(-1)?.[1];
  const words = logged === undefined ? stderr.trim() : logged.slice(1, -1).replace(/\\(["\\])/g, '$1');
  const status = typeof error.code === 'number' ? `exit status ${error.code}` : (error.signal ?? error.message);
  return `${basename(path)} did not terminate successfully: ${status}: ${words}`;
}

/** Calls the runtime with more arguments and, if given, a text on its stdin. Rejects with internal and dockerd's words when it fails. */
export async function callRuntime(
  ctx: ContainersContext,
  container: Container,
  command: string[],
  input?: string,
): Promise<string> {
  const { path, args } = runtimeCommand(ctx, container);
  return new Promise((resolve, reject) => {
    const child = execFile(path, [...args, ...command], { timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
      if (error) reject(internal(runtimeFailure(path, error, stderr), error));
      else resolve(stdout);
    });
    if (input !== undefined) child.stdin?.end(input);
  });
}
