import { spawn, type ChildProcess } from 'node:child_process';
import { run, type CommandOptions, type CommandResult } from './command.js';

/**
 * A network namespace and a mount namespace of a test's own, kept alive by one sleeping process, so that a daemon can be
 * killed and started again in the same place. Nothing that a daemon does in there reaches the machine.
 */
export class NamespaceHolder implements AsyncDisposable {
  private constructor(private readonly child: ChildProcess) {}

  get pid(): number {
    return this.child.pid!;
  }

  /** `setup` is shell text to run inside before anything else. */
  static async create(setup = ''): Promise<NamespaceHolder> {
    const script = `
      set -e
      ip link set lo up
      # crun and v1 statistics want every controller mounted somewhere; the machine's hybrid layout leaves hugetlb out.
      if [ -d /sys/fs/cgroup/memory ] && ! grep -q '^[^ ]* /sys/fs/cgroup/hugetlb ' /proc/mounts; then
        mkdir -p /sys/fs/cgroup/hugetlb && mount -t cgroup -o hugetlb cgroup /sys/fs/cgroup/hugetlb
      fi
      ${setup}
      echo ready
      exec sleep 7200 >/dev/null 2>&1`;
    const child = spawn('unshare', ['--net', '--mount', '--propagation', 'private', 'bash', '-c', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', (code) => reject(new Error(`the namespace holder ended with ${code}`)));
    });
    return new NamespaceHolder(child);
  }

  /** The words that put a command inside both namespaces. */
  enter(...command: string[]): [string, string[]] {
    return ['nsenter', ['--target', String(this.pid), '--net', '--mount', ...command]];
  }

  /** Runs a command inside both namespaces. */
  run(command: string[], options?: CommandOptions): Promise<CommandResult> {
    const [program, args] = this.enter(...command);
    return run(program, args, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null) return;
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGKILL');
    await gone;
  }
}
