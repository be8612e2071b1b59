import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const TIMEOUT_MS = 5000;

export interface ProgramVersion {
  version: string;
  /** '' : it does not say. */
  commit: string;
}

/** What an OCI runtime says about itself. */
export interface RuntimeFacts extends ProgramVersion {
  /** Its `features` document as compact JSON; null: it has none. */
  features: string | null;
}

/** Asks `<path> --version` and `<path> features`. Rejects when it can't be run. */
export async function runtimeFacts(path: string): Promise<RuntimeFacts> {
  const { stdout } = await run(path, ['--version'], { timeout: TIMEOUT_MS });
  return { ...parseRuntimeVersion(stdout), features: await runtimeFeatures(path) };
}

/** `runc version 1.1.5+ds1\ncommit: …`, `crun version 1.28\ncommit: …`. */
export function parseRuntimeVersion(text: string): ProgramVersion {
  return {
    version: /^\S+ version (\S+)/m.exec(text)?.[1] ?? '',
    commit: /^commit: ?(\S+)/m.exec(text)?.[1] ?? '',
  };
}

async function runtimeFeatures(path: string): Promise<string | null> {
  try {
    const { stdout } = await run(path, ['features'], { timeout: TIMEOUT_MS, maxBuffer: 1024 ** 2 });
    return JSON.stringify(JSON.parse(stdout));
  } catch {
    // Older runtimes don't know the subcommand.
    return null;
  }
}

/** `tini version 0.19.0`, `tini version 0.19.0 - git.de40ad0`, `catatonit 0.1.7`. Rejects when it can't be run. */
export async function initVersion(path: string): Promise<ProgramVersion> {
  const { stdout } = await run(path, ['--version'], { timeout: TIMEOUT_MS });
  return parseInitVersion(stdout);
}

export function parseInitVersion(text: string): ProgramVersion {
  return {
    version: /(?:version )?(\d+\.\d[^\s]*)/.exec(text)?.[1] ?? '',
    commit: /git\.([0-9a-f]+)/.exec(text)?.[1] ?? '',
  };
}
