/** Everything that a shim is told. Paths are absolute. */
export interface ShimOptions {
  /** The wharf-shim binary. */
  readonly binary: string;
  /** What to execute in its place, a copy of it. */
  readonly executable?: string;
  /** Container id, the runtime's name for it. */
  readonly id: string;
  /**
   * A bundle to run, or a process file (OCI process object as JSON) to execute in the running container `id`: by the shim
   * itself, if there is a plan and it works out, else by the runtime.
   */
  readonly process: { readonly bundle: string } | { readonly execProcess: string; readonly plan?: string | null };
  readonly runtime: {
    /** A path, or a name to look up in PATH. */
    readonly path: string;
    /** The runtime's `--root`; null: its default. */
    readonly root: string | null;
    /** Global flags, before the command. */
    readonly args?: readonly string[];
    /** Where the runtime logs; what it says there last becomes the message of a failed start. Null: its stderr is used. */
    readonly logPath: string | null;
    readonly systemdCgroup?: boolean;
  };
  /** At most 103 bytes. */
  readonly socketPath: string;
  /** Best on a tmpfs: the exit is announced after it was synced. */
  readonly exitFile: string;
  readonly pidFile: string;
  /** The shim's own complaints; null: nowhere. */
  readonly shimLog?: string | null;
  /** The container's memory cgroup (as in /proc/<pid>/cgroup); only needed for processes that live for a moment. */
  readonly cgroupPath?: string | null;
  /** Where output goes that clients have not read, when it is much: best on a disk. */
  readonly spoolDirectory?: string;
  /**
   * The runtime is started at once, and waits: the bundle's config.json, which must not be there yet, is a FIFO then. Before `start`
   * comes `claim`, and the specification is renamed over the FIFO. Both processes end when the client is closed before the start.
   */
  readonly ahead?: boolean;
  /**
   * The FIFO at which the first process waits once the runtime has created the container; the start lets it go. Then the specification can be
   * passed on before, with `feed`. Absent: the runtime runs the container.
   */
  readonly gate?: string | null;
  readonly tty: boolean;
  /** Window size from the beginning; the spec's consoleSize should say the same, as some runtimes set it themselves. */
  readonly consoleSize?: { readonly height: number; readonly width: number } | null;
  /** Whether the process has a stdin that clients can write to; otherwise it is /dev/null. */
  readonly stdin: boolean;
  /** End of file from the first client ends the process's stdin. */
  readonly stdinOnce: boolean;
  /** Null: driver none, output goes to attach clients only. */
  readonly log: LogFileOptions | null;
}

export interface LogFileOptions {
  /** Absent: json-file. */
  readonly format?: 'json-file' | 'local';
  readonly path: string;
  /** Null: never rotated. */
  readonly maxSizeBytes?: number | null;
  /** How many files there are at most, the current one included. */
  readonly maxFiles?: number;
  /** Rotated files are compressed with gzip. */
  readonly compress?: boolean;
  /** What the log options `labels`, `env`, `tag` select; written into each line. Null or empty: nothing. */
  readonly attrs?: Readonly<Record<string, string>> | null;
  /** What may wait for a log file that can't be written; more is dropped. Null: the process waits. */
  readonly queueBytes?: number | null;
}

/** encoding/json's escapes, sorted keys: what dockerd writes. */
function encodeAttrs(attrs: Readonly<Record<string, string>>): string {
  const sorted = Object.fromEntries(Object.entries(attrs).sort(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify(sorted).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function logArgs(log: LogFileOptions | null): string[] {
  if (!log) return ['--log-driver', 'none'];
  const args = ['--log-driver', log.format ?? 'json-file', '--log-file', log.path];
  if (log.maxSizeBytes !== undefined && log.maxSizeBytes !== null) args.push('--log-max-size', `${log.maxSizeBytes}`);
  if (log.maxFiles !== undefined) args.push('--log-max-file', `${log.maxFiles}`);
  if (log.compress) args.push('--log-compress');
  if (log.attrs && Object.keys(log.attrs).length > 0) args.push('--log-attrs', encodeAttrs(log.attrs));
  if (log.queueBytes) args.push('--log-queue', `${log.queueBytes}`);
  return args;
}

function runtimeArgs(runtime: ShimOptions['runtime']): string[] {
  const args = ['--runtime', runtime.path];
  if (runtime.root !== null) args.push('--runtime-root', runtime.root);
  if (runtime.logPath !== null) args.push('--runtime-log', runtime.logPath);
  for (const arg of runtime.args ?? []) args.push('--runtime-arg', arg);
  if (runtime.systemdCgroup) args.push('--systemd-cgroup');
  return args;
}

/** The command line of a shim, without the binary. */
export function shimArgs(options: ShimOptions): string[] {
  const { process, consoleSize } = options;
  const args = ['--id', options.id];
  args.push(...('bundle' in process ? ['--bundle', process.bundle] : ['--exec-process', process.execProcess]));
  if ('plan' in process && process.plan) args.push('--exec-plan', process.plan);
  args.push(...runtimeArgs(options.runtime));
  args.push('--socket', options.socketPath, '--exit-file', options.exitFile, '--pid-file', options.pidFile);
  if (options.shimLog) args.push('--shim-log', options.shimLog);
  if (options.cgroupPath) args.push('--cgroup', options.cgroupPath);
  if (options.spoolDirectory) args.push('--spool', options.spoolDirectory);
  if (options.ahead) args.push('--ahead');
  if (options.gate) args.push('--gate', options.gate);
  if (options.tty) args.push('--tty');
  if (options.stdin) args.push('--stdin');
  if (options.stdinOnce) args.push('--stdin-once');
  if (consoleSize) args.push('--console-size', `${consoleSize.height}x${consoleSize.width}`);
  args.push(...logArgs(options.log));
  return args;
}
