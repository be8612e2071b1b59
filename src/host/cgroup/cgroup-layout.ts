import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type CgroupDriver = 'cgroupfs' | 'systemd';

/** How this host's control groups are mounted. */
export interface CgroupLayout {
  /** 1 also for hybrid hosts: their controllers are v1's. */
  readonly version: 1 | 2;
  /** v1: by controller (`memory`, `cpu`, …; `name=systemd` too). v2: empty. */
  readonly controllerMounts: ReadonlyMap<string, string>;
  /** v2: where the one hierarchy is; v1: the hybrid's, or null. */
  readonly unifiedMount: string | null;
  /** v2: controllers of the root group; v1: those that are mounted. */
  readonly controllers: ReadonlySet<string>;
}

/** Reads the layout of the running host. */
export function detectCgroups(): CgroupLayout {
  return parseCgroupLayout(readFileSync('/proc/self/mountinfo', 'utf8'), (path) => readFileSync(path, 'utf8'));
}

/** Of a mountinfo text; `readFile` reads the root group's `cgroup.controllers`. */
export function parseCgroupLayout(mountinfo: string, readFile: (path: string) => string): CgroupLayout {
  const controllerMounts = new Map<string, string>();
  let unifiedMount: string | null = null;
  for (const line of mountinfo.split('\n')) {
    // 36 35 98:0 /root /mount/point options [optional…] - type source superoptions
    const [head, tail] = line.split(' - ', 2);
    const [type, , superOptions = ''] = tail?.split(' ') ?? [];
    const mountpoint = unescapeMountinfo(head?.split(' ')[4] ?? '');
    if (type === 'cgroup2') unifiedMount = preferred(unifiedMount, mountpoint);
    if (type !== 'cgroup') continue;
    for (const option of superOptions.split(',').filter(isController)) {
      controllerMounts.set(option, preferred(controllerMounts.get(option) ?? null, mountpoint));
    }
  }
  if (controllerMounts.size > 0 || unifiedMount === null) {
    return { version: 1, controllerMounts, unifiedMount, controllers: new Set(controllerMounts.keys()) };
  }
  const controllers = readFile(join(unifiedMount, 'cgroup.controllers')).trim().split(' ');
  return { version: 2, controllerMounts, unifiedMount, controllers: new Set(controllers) };
}

/**
 * Which of two mounts of one hierarchy is the host's: other ones, in chroots and in containers' file systems, may show other groups, and
 * lie elsewhere or deeper. Of equals it is the first.
 */
function preferred(known: string | null, found: string): string {
  const isUsual = (path: string): boolean => path === '/sys/fs/cgroup' || path.startsWith('/sys/fs/cgroup/');
  return known === null || (isUsual(found) && !isUsual(known)) ? found : known;
}

const NO_CONTROLLERS = new Set(['rw', 'ro', 'xattr', 'clone_children', 'noprefix', 'none', 'all']);

function isController(option: string): boolean {
  return option !== '' && !NO_CONTROLLERS.has(option) && !option.startsWith('release_agent=');
}

function unescapeMountinfo(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

/**
 * `linux.cgroupsPath` of a container: `/docker/<id>`, or `system.slice:docker:<id>` with systemd. `parent` '' is the
 * default; with systemd it must be a slice, with cgroupfs a path.
 */
export function cgroupPathFor(containerId: string, parent: string, driver: CgroupDriver): string {
  if (driver === 'systemd') return `${parent === '' ? 'system.slice' : parent}:docker:${containerId}`;
  return join('/', parent === '' ? 'docker' : parent, containerId);
}

/** The group that the kernel shows for what `cgroupPathFor` gave, `/system.slice/docker-<id>.scope` for instance. */
export function kernelCgroupPath(cgroupsPath: string): string {
  const [slice, prefix, name] = cgroupsPath.split(':');
  if (slice === undefined || prefix === undefined || name === undefined) return cgroupsPath;
  return join(slicePath(slice), `${prefix}-${name}.scope`);
}

/** Each dash is a slice within a slice: `/a.slice/a-b.slice` for `a-b.slice`. Source: systemd.slice(5). */
function slicePath(slice: string): string {
  if (slice === '-.slice') return '/';
  const parts = slice.replace(/\.slice$/, '').split('-');
  return join('/', ...parts.map((_, index) => `${parts.slice(0, index + 1).join('-')}.slice`));
}

/** Where a process is, by controller (v1) or under '' (v2). Throws ESRCH or ENOENT when it is gone. */
export function cgroupsOfProcess(pid: number): Map<string, string> {
  return parseProcCgroup(readFileSync(`/proc/${pid}/cgroup`, 'utf8'));
}

export function parseProcCgroup(text: string): Map<string, string> {
  const paths = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^\d+:([^:]*):(.*)$/.exec(line);
    if (!match) continue;
    for (const controller of (match[1] ?? '').split(',')) paths.set(controller, match[2] ?? '/');
  }
  return paths;
}

/** The directory of a process's group: of one controller (v1), or of the one hierarchy. null: that controller is not mounted. */
export function cgroupDirectory(layout: CgroupLayout, pid: number, controller: string): string | null {
  return directoryOf(layout, pid, controller, (path) => path);
}

/**
 * The same of a container, by its first process: that may be deeper, when it has made groups of its own (an init system, a daemon with
 * containers).
 */
export function containerDirectory(
  layout: CgroupLayout,
  initPid: number,
  containerId: string,
  controller: string,
): string | null {
  return directoryOf(layout, initPid, controller, (path) => containerGroup(path, containerId) ?? path);
}

function directoryOf(
  layout: CgroupLayout,
  pid: number,
  controller: string,
  groupOf: (path: string) => string,
): string | null {
  const paths = cgroupsOfProcess(pid);
  const mount = layout.version === 2 ? layout.unifiedMount : layout.controllerMounts.get(controller);
  const path = paths.get(layout.version === 2 ? '' : controller);
  return mount === undefined || mount === null || path === undefined ? null : join(mount, groupOf(path));
}

/** `/docker/<id>/init.scope` → `/docker/<id>`; null for a path without the container. */
export function containerGroup(path: string, containerId: string): string | null {
  const parts = path.split('/');
  const first = parts.findIndex((part) => part.includes(containerId));
  return first < 0 ? null : parts.slice(0, first + 1).join('/');
}
