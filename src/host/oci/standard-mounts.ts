import type { RuntimeMount } from './runtime-spec.js';
import type { SpecInput, SpecMount } from './spec-input.js';

/** Hidden from an unprivileged container. Source: what dockerd 28.5 gives to runc. */
export const DEFAULT_MASKED_PATHS: readonly string[] = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];

/** Read-only in an unprivileged container. Source: what dockerd 28.5 gives to runc. */
export const DEFAULT_READONLY_PATHS: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
];

const LOCKED_DOWN = ['nosuid', 'noexec', 'nodev'];

/** The mounts that every container has, unless the caller gives its own for the same destination. */
function standardMounts(input: SpecInput): RuntimeMount[] {
  const ro = input.privileged ? [] : ['ro'];
  const mounts: RuntimeMount[] = [
    { destination: '/proc', type: 'proc', source: 'proc', options: LOCKED_DOWN },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...LOCKED_DOWN, ...ro] },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: [...(input.writableCgroups ? [] : ro), ...LOCKED_DOWN],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: LOCKED_DOWN },
  ];
  if (input.hasShm !== false) mounts.push(shmMount(input));
  return mounts;
}

function shmMount(input: SpecInput): RuntimeMount {
  if (input.shmPath !== null) {
    return { destination: '/dev/shm', type: 'bind', source: input.shmPath, options: ['rbind', 'rprivate'] };
  }
  return {
    destination: '/dev/shm',
    type: 'tmpfs',
    source: 'shm',
    options: [...LOCKED_DOWN, 'mode=1777', `size=${input.shmSizeBytes}`],
  };
}

function fromSpecMount(mount: SpecMount): RuntimeMount {
  if (mount.type === 'tmpfs') {
    return {
      destination: mount.destination,
      type: 'tmpfs',
      source: mount.source || 'tmpfs',
      options: [...mount.options, ...(mount.readOnly ? ['ro'] : [])],
    };
  }
  const readOnly = mount.readOnly ? [mount.recursiveReadOnly ? 'rro' : 'ro'] : [];
  return {
    destination: mount.destination,
    type: 'bind',
    source: mount.source,
    options: [mount.nonRecursive ? 'bind' : 'rbind', ...readOnly, mount.propagation || 'rprivate', ...mount.options],
  };
}

const depth = (path: string): number => path.split('/').filter(Boolean).length;

/** All mounts of a container: the standard ones in their order, then the caller's, parents before children. */
export function containerMounts(input: SpecInput): RuntimeMount[] {
  const taken = new Set(input.mounts.map((mount) => mount.destination));
  const own = [...input.mounts].sort((a, b) => depth(a.destination) - depth(b.destination)).map(fromSpecMount);
  const hidden = (destination: string): boolean =>
    taken.has(destination) ||
    (taken.has('/dev') && destination.startsWith('/dev/')) ||
    (taken.has('/sys') && destination.startsWith('/sys/'));
  return [...standardMounts(input).filter((mount) => !hidden(mount.destination)), ...own];
}

/** What of the root file system's mounts propagates, given the propagation of the binds. Source: mount_namespaces(7). */
export function rootfsPropagation(mounts: readonly SpecMount[]): string {
  if (mounts.some((mount) => mount.propagation === 'shared' || mount.propagation === 'rshared')) return 'shared';
  if (mounts.some((mount) => mount.propagation === 'slave' || mount.propagation === 'rslave')) return 'rslave';
  return '';
}
