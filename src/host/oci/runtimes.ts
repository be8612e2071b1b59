import { accessSync, constants, realpathSync } from 'node:fs';
import { basename, delimiter, isAbsolute, join } from 'node:path';
import { invalid } from '../../shared/errors.js';

/** An OCI runtime as configured: `path` may be a bare name to look up in $PATH. */
export interface RuntimeConfig {
  path: string;
  args: string[];
}

/** A runtime ready to be called. */
export interface Runtime {
  name: string;
  /** Absolute. */
  path: string;
  args: string[];
}

/** The names that mean plain runc in dockerd. */
const RUNC_NAMES = ['runc', 'io.containerd.runc.v2'];

const PLAIN_PROGRAMS = new Set(['runc', 'crun']);

/** Whether it is one whose ways are known: its containers are made of nothing but namespaces, control groups, capabilities and filters of this kernel. */
export function isPlainRuntime({ path, args }: { readonly path: string; readonly args?: readonly string[] }): boolean {
  return PLAIN_PROGRAMS.has(basename(path)) && (args ?? []).length === 0;
}

/**
 * Where a container that runc has created waits for its start: its first process opens this FIFO for writing, and goes on when somebody
 * reads. null: it is another runtime, and none of ours. Source: what `runc create` leaves in its `--root`, from 1.0 to 1.3.
 */
export function startGate(
  { path, root }: { readonly path: string; readonly root: string | null },
  id: string,
): string | null {
  return root !== null && isRunc(path) ? join(root, id, 'exec.fifo') : null;
}

/** By its own name, too: some have crun under it. */
function isRunc(path: string): boolean {
  try {
    return basename(path) === 'runc' && basename(realpathSync(path)) === 'runc';
  } catch {
    return false; // whoever calls it will say so
  }
}

/** The runtimes that containers may ask for by name: the configured ones, runc, and crun where it is installed. */
export class RuntimeRegistry {
  private readonly configured: Map<string, RuntimeConfig>;

  constructor(
    configured: Readonly<Record<string, RuntimeConfig>>,
    readonly defaultName: string,
  ) {
    this.configured = new Map(Object.entries(configured));
    for (const name of RUNC_NAMES)
      if (!this.configured.has(name)) this.configured.set(name, { path: 'runc', args: [] });
    if (!this.configured.has('crun') && findExecutable('crun')) this.configured.set('crun', { path: 'crun', args: [] });
  }

  get names(): string[] {
    return [...this.configured.keys()].sort();
  }

  config(name: string): RuntimeConfig | undefined {
    return this.configured.get(name);
  }

  /** Whether the name may be asked for; '' is the default runtime. */
  isKnown(name: string): boolean {
    return name === '' || this.configured.has(name);
  }

  /** '' : the default one. Errors: invalid `unknown or invalid runtime name: x`; invalid when the binary is nowhere. */
  resolve(name: string): Runtime {
    const wanted = name || this.defaultName;
    const config = this.configured.get(wanted);
    if (!config) throw invalid(`unknown or invalid runtime name: ${wanted}`);
    const path = findExecutable(config.path);
    if (!path) throw invalid(`exec: "${config.path}": executable file not found in $PATH`);
    return { name: wanted, path, args: config.args };
  }
}

/** Absolute path of a program, looked up in $PATH and the system directories; null if there is none. */
export function findExecutable(program: string): string | null {
  if (isAbsolute(program)) return isExecutable(program) ? program : null;
  const dirs = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  for (const dir of dirs) {
    if (dir && isExecutable(join(dir, program))) return join(dir, program);
  }
  return null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
