import type { ContainerEntrances } from '../cgroup/container-entrances.js';
import { capabilityMask } from '../oci/capabilities.js';
import type { RuntimeProcess } from '../oci/runtime-spec.js';

/** How a shim gets a process into a running container without the runtime; `shim/include/exec_plan.h` is the other side. */
export interface ExecPlan {
  containerId: string;
  /** The container's first process. */
  initPid: number;
  cgroups: ContainerEntrances;
  process: RuntimeProcess;
  /** null: inherited. */
  oomScoreAdj: number | null;
  /** Where the container's seccomp filter is kept once it is known; null: it has none. */
  filterFile: string | null;
}

/** By number. Source: asm-generic/resource.h. */
const RLIMITS =
  'CPU FSIZE DATA STACK CORE RSS NPROC NOFILE MEMLOCK AS LOCKS SIGPENDING MSGQUEUE NICE RTPRIO RTTIME'.split(' ');
/** The machines that have numbers of their own. */
const OTHER_NUMBERS = new Set(['mips', 'mipsel', 'mips64', 'mips64el', 'sparc', 'sparc64', 'alpha']);
const RLIM_INFINITY = '18446744073709551615';

/**
 * The plan as the shim reads it; null for a process that only a runtime can make: one with a label of SELinux or AppArmor, or
 * with something in it that the runtime has to refuse.
 */
export function encodeExecPlan(plan: ExecPlan): Buffer | null {
  const { process, cgroups } = plan;
  const { user, capabilities } = process;
  if (process.apparmorProfile || process.selinuxLabel) return null;
  if (!process.cwd.startsWith('/') || !process.env.every((entry) => entry.indexOf('=') > 0)) return null;
  const limits = (process.rlimits ?? []).map(encodeRlimit);
  if (limits.includes(null)) return null;
  const records: [string, string | number][] = [
    ['init', plan.initPid],
    ['id', plan.containerId],
    ...many('tasks', cgroups.tasks),
    ...many('cgroup', cgroups.directory === null ? [] : [cgroups.directory]),
    ['uid', user.uid],
    ['gid', user.gid],
    ...many('group', user.additionalGids ?? []),
    ...(['bounding', 'effective', 'permitted', 'inheritable', 'ambient'] as const).map((set): [string, string] => [
      set,
      capabilityMask(capabilities[set] ?? []).toString(16),
    ]),
    ...many('rlimit', limits as string[]),
    ...many('oom-score-adj', plan.oomScoreAdj === null ? [] : [plan.oomScoreAdj]),
    ...many('no-new-privileges', process.noNewPrivileges ? [1] : []),
    // The name that runc and crun give to the session keyring of a container.
    ['keyring', `_ses.${plan.containerId}`],
    ['cwd', process.cwd],
    ...many('filter', plan.filterFile === null ? [] : [plan.filterFile]),
    ...many('arg', process.args),
    ...many('env', process.env),
  ];
  const texts = records.map(([name, value]) => `${name}=${value}`);
  return texts.some((text) => text.includes('\0')) ? null : Buffer.from(`${texts.join('\0')}\0`);
}

function many<T extends string | number>(name: string, values: readonly T[]): [string, T][] {
  return values.map((value) => [name, value]);
}

function encodeRlimit({ type, soft, hard }: { type: string; soft: number; hard: number }): string | null {
  const number = RLIMITS.indexOf(type.replace(/^RLIMIT_/, ''));
  if (number < 0 || OTHER_NUMBERS.has(process.arch)) return null;
  return `${number}:${soft === -1 ? RLIM_INFINITY : soft}:${hard === -1 ? RLIM_INFINITY : hard}`;
}
