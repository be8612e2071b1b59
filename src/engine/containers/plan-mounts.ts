import { invalid, internal } from '../../shared/errors.js';
import { parseMode, planBind } from './bind-spec.js';
import type { ContainerConfig, HostConfig } from './container-config.js';
import { checkDestination, cleanDestination, planMount } from './mount-spec.js';
import { plainMount, type PlannedMount } from './planned-mount.js';

/**
 * All mounts that a create request asks for, in dockerd's precedence: what other containers lend, then binds and mounts (two
 * of those for one place are an error), then tmpfs, then the anonymous volumes that image and configuration declare where
 * nothing else is. `lend` gives the mounts of another container. Throws dockerd's words.
 */
export function planMounts(
  config: ContainerConfig,
  host: HostConfig,
  lend: (containerRef: string) => readonly PlannedMount[],
): PlannedMount[] {
  const plan = new Map<string, PlannedMount>();
  for (const text of host.volumesFrom) {
    for (const mount of lentMounts(text, lend)) plan.set(mount.destination, mount);
  }
  const own = new Set<string>();
  const claim = (mount: PlannedMount): void => {
    if (own.has(mount.destination)) throw invalid(`Duplicate mount point: ${mount.destination}`);
    own.add(mount.destination);
    plan.set(mount.destination, mount);
  };
  for (const text of host.binds) claim(planBind(text, host.volumeDriver));
  for (const spec of host.mounts) claim(planMount(spec));
  for (const [path, options] of Object.entries(host.tmpfs)) claim(planTmpfs(path, options));
  for (const path of config.volumes) {
    const destination = cleanDestination(path);
    if (destination === '/' || plan.has(destination)) continue;
    plan.set(destination, plainMount('volume', destination, { driver: host.volumeDriver, copyUp: true }));
  }
  return [...plan.values()];
}

function planTmpfs(path: string, options: string): PlannedMount {
  checkDestination(path);
  return plainMount('tmpfs', cleanDestination(path), {
    options: ['noexec', 'nosuid', 'nodev', ...(options === '' ? [] : options.split(','))],
    hidden: true,
  });
}

function lentMounts(text: string, lend: (ref: string) => readonly PlannedMount[]): PlannedMount[] {
  if (text === '') throw invalid('volumes-from specification cannot be an empty string');
  const [ref = '', mode = ''] = text.split(/:(.*)/s);
  if (ref === '') throw invalid('invalid name or ID supplied: ""');
  if (!/^((ro|rw|z|Z)(,|$))*$/.test(mode)) throw invalid(`invalid mode: ${mode}`);
  const { readOnly } = parseMode(mode);
  return lend(ref)
    .filter((mount) => mount.type !== 'tmpfs')
    .map((mount) => ({
      ...mount,
      mode: '',
      readOnly: mount.readOnly || readOnly,
      copyUp: false,
      createSource: false,
    }));
}

/** Options that a tmpfs may have; dockerd checks them at start. Throws internal `invalid tmpfs option "x"`. */
export function checkTmpfsOptions(options: readonly string[]): void {
  const flags =
    'defaults ro rw nosuid suid nodev dev noexec exec sync async dirsync remount mand nomand atime noatime diratime nodiratime bind rbind unbindable runbindable private rprivate shared rshared slave rslave relatime norelatime strictatime nostrictatime'.split(
      ' ',
    );
  const values = ['mode', 'uid', 'gid', 'size', 'nr_inodes', 'nr_blocks', 'mpol'];
  for (const option of options) {
    const [name = '', value] = option.split('=');
    if (value === undefined ? !flags.includes(name) : !values.includes(name)) {
      throw internal(`invalid tmpfs option "${name}"`);
    }
  }
}
