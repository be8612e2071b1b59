import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { run, type CommandOptions, type CommandResult } from './command.js';
import { poll } from './poll.js';
import type { DaemonPlace } from './test-daemon.js';

export const SYSTEMD = '/lib/systemd/systemd';
const ROOT = '/sys/fs/cgroup';
const IS_V2 = existsSync(`${ROOT}/cgroup.controllers`);

/**
 * A systemd that is process 1 of namespaces of its own, with a part of each of the machine's control group hierarchies: what a daemon with the cgroup driver systemd needs. It starts no unit but an empty target.
 */
export class PrivateSystemd implements DaemonPlace {
  private constructor(
    private readonly child: ChildProcess,
    readonly pid: number,
    private readonly group: string,
  ) {}

  /** `slices` have a service each, as any has on a machine in use; else systemd and runc race for a slice's empty groups. */
  static async create(slices: string[]): Promise<PrivateSystemd> {
    const group = `wharf-systemd-${process.pid}`;
    const child = spawn('bash', ['-c', IS_V2 ? scriptV2(group) : scriptV1(group)], {
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    const pid = await poll('systemd', () => {
      if (child.exitCode !== null) throw new Error(`systemd ended with ${child.exitCode}`);
      const found = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim());
      // Before, it is one of the script's own steps.
      return found > 0 && nameOf(found) === 'systemd' ? found : 0;
    });
    const systemd = new PrivateSystemd(child, pid, group);
    let state = '';
    try {
      await poll('systemd to have started', async () => {
        state = (await systemd.run(['systemctl', 'is-system-running'])).stdout.trim();
        return ['running', 'degraded'].includes(state);
      });
      for (const slice of slices) await systemd.keep(slice);
    } catch (error) {
      await systemd[Symbol.asyncDispose]();
      throw new Error(`systemd is ${state}`, { cause: error });
    }
    return systemd;
  }

  /** The words that put a command beside it, in its control groups too. */
  enter(...command: string[]): [string, string[]] {
    const join = IS_V2
      ? `echo $$ >${ROOT}/${this.group}/init.scope/cgroup.procs`
      : `for c in ${ROOT}/*/; do [ ! -d $c/${this.group} ] || echo $$ >$c/${this.group}/cgroup.procs; done`;
    const enter = `exec nsenter --target ${this.pid} --mount --pid --cgroup --net --uts --ipc "$@"`;
    return ['bash', ['-c', `${join}; ${enter}`, 'bash', ...command]];
  }

  run(command: string[], options?: CommandOptions): Promise<CommandResult> {
    const [program, args] = this.enter(...command);
    return run(program, args, options);
  }

  private async keep(slice: string): Promise<void> {
    const accounted = ['CPU', 'Memory', 'Tasks', 'IO'].map((name) => `--property=${name}Accounting=yes`);
    const options = [
      '--quiet',
      `--slice=${slice}`,
      '--property=DefaultDependencies=no',
      '--property=DevicePolicy=closed',
      ...accounted,
    ];
    const { code, stderr } = await this.run(['systemd-run', ...options, 'sleep', '7200']);
    if (code !== 0) throw new Error(`systemd-run: ${stderr}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    process.kill(this.pid, 'SIGKILL');
    await gone;
    for (const hierarchy of IS_V2 ? ['.'] : readdirSync(ROOT)) await removeTree(join(ROOT, hierarchy, this.group));
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return ''; // it ended meanwhile
  }
}

/** Processes of a namespace whose first has been killed may take a moment to be gone. */
async function removeTree(directory: string): Promise<void> {
  let children: string[];
  try {
    children = readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return;
    throw error;
  }
  for (const name of children) await removeTree(join(directory, name));
  await poll(`${directory} to be empty`, () => {
    try {
      rmdirSync(directory);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
      throw error;
    }
  });
}

const UNSHARE = 'unshare --pid --fork --kill-child --mount --propagation private --cgroup --uts --ipc --net';

/** Shell text, quoted as the script of UNSHARE is. */
const START = `
  mount -t tmpfs tmpfs /run
  mount -t tmpfs tmpfs /lib/systemd/system
  mount -t tmpfs tmpfs /etc/systemd/system
  printf "[Unit]\\nDefaultDependencies=no\\n" >/etc/systemd/system/wharf.target
  ip link set lo up
  export container=wharf
  exec ${SYSTEMD} --system --unit=wharf.target --log-target=null --show-status=no`;

const scriptV1 = (group: string): string => `
set -e
cd ${ROOT}
for c in */; do
  [ -e $c/cgroup.procs ] || continue
  mkdir -p $c/${group}
  for file in cpuset.cpus cpuset.mems; do [ ! -e $c/$file ] || cat $c/$file >$c/${group}/$file; done
  echo $$ >$c/${group}/cgroup.procs
done
exec ${UNSHARE} bash -ec '
  mount -t proc proc /proc
  # All that was mounted at the old place, again: from here it shows the own part only.
  grep " ${ROOT}/" /proc/mounts >/dev/shm/mounts-${group} || true
  mount -t tmpfs tmpfs ${ROOT}
  while read -r source target type options rest; do
    mkdir -p "$target"
    options=$(echo "$options" | sed -E "s/(^|,)(rw|relatime|noexec|nosuid|nodev|xattr|seclabel)//g; s/^,//")
    case $options in name=*) options=none,$options ;; esac
    mount -t "$type" \${options:+-o "$options"} cgroup "$target"
  done </dev/shm/mounts-${group}
  rm /dev/shm/mounts-${group}
  ${START}
'
`;

/**
 * The namespace of control groups makes the new mount show the own part only. systemd can use controllers only when it is alone at the top
 * of that part, so the process that made the namespace is taken out of it again.
 */
const scriptV2 = (group: string): string => `
set -e
mkdir ${ROOT}/${group}
echo $$ >${ROOT}/${group}/cgroup.procs
( (
  echo $BASHPID >${ROOT}/cgroup.procs
  until grep -qx unshare /proc/$$/comm && [ -n "$(cat /proc/$$/task/$$/children)" ]; do sleep 0.05; done
  echo $$ >${ROOT}/cgroup.procs
) & )
exec ${UNSHARE} bash -ec '
  mount -t proc proc /proc
  umount ${ROOT}
  mount -t cgroup2 cgroup2 ${ROOT}
  while grep -qx 0 ${ROOT}/cgroup.procs; do sleep 0.05; done
  ${START}
'
`;
