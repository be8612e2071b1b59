import { describe, expect, it } from 'vitest';
import type { RuntimeProcess } from '../oci/runtime-spec.js';
import { encodeExecPlan, type ExecPlan } from './exec-plan.js';

const PROCESS: RuntimeProcess = {
  user: { uid: 1000, gid: 100, additionalGids: [10, 20] },
  args: ['sh', '-c', ''],
  env: ['PATH=/bin', 'EMPTY='],
  cwd: '/tmp',
  capabilities: { bounding: ['CAP_CHOWN', 'CAP_KILL'] },
};

function encode(process: Partial<RuntimeProcess> = {}, more: Partial<ExecPlan> = {}): string[] | null {
  const plan = encodeExecPlan({
    containerId: 'abc',
    initPid: 42,
    cgroups: { tasks: ['/a/tasks'], directory: null },
    process: { ...PROCESS, ...process },
    oomScoreAdj: null,
    filterFile: null,
    ...more,
  });
  return plan && plan.toString().split('\0');
}

describe('encodeExecPlan', () => {
  it('says everything, each record ended by NUL', () => {
    const limits = [
      { type: 'RLIMIT_NOFILE', soft: 1, hard: 2 },
      { type: 'RLIMIT_STACK', soft: -1, hard: -1 },
    ];
    const cgroups = { tasks: ['/a/tasks', '/b/tasks'], directory: '/u' };
    const records = encode({ rlimits: limits, noNewPrivileges: true }, { cgroups, oomScoreAdj: -5, filterFile: '/f' });
    expect(records).toEqual([
      'init=42',
      'id=abc',
      'tasks=/a/tasks',
      'tasks=/b/tasks',
      'cgroup=/u',
      'uid=1000',
      'gid=100',
      'group=10',
      'group=20',
      'bounding=21',
      'effective=0',
      'permitted=0',
      'inheritable=0',
      'ambient=0',
      'rlimit=7:1:2',
      'rlimit=3:18446744073709551615:18446744073709551615',
      'oom-score-adj=-5',
      'no-new-privileges=1',
      'keyring=_ses.abc',
      'cwd=/tmp',
      'filter=/f',
      'arg=sh',
      'arg=-c',
      'arg=',
      'env=PATH=/bin',
      'env=EMPTY=',
      '',
    ]);
  });

  it.each<[string, Partial<RuntimeProcess>]>([
    ['an AppArmor profile', { apparmorProfile: 'docker-default' }],
    ['an SELinux label', { selinuxLabel: 'system_u:system_r:container_t:s0' }],
    ['a relative directory', { cwd: 'tmp' }],
    ['a variable without a name', { env: ['=x'] }],
    ['a variable without a value', { env: ['X'] }],
    ['a limit that nobody knows', { rlimits: [{ type: 'RLIMIT_NOTHING', soft: 1, hard: 1 }] }],
    ['a NUL in an argument', { args: ['a\0b'] }],
  ])('leaves a process with %s to the runtime', (_what, process) => {
    expect(encode(process)).toBeNull();
  });
});
