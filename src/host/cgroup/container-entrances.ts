import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { containerGroup, type CgroupLayout } from './cgroup-layout.js';

/** How a process gets into the control groups of a container. */
export interface ContainerEntrances {
  /** v1: the `tasks` file of each hierarchy. */
  tasks: string[];
  /** v2: the group's directory, or null. */
  directory: string | null;
}

/**
 * The groups that a runtime has made for a container, from where its first process is: that may be deeper, when it has made
 * groups of its own. Hierarchies that the runtime does not use are left out.
 *
 * null: they can't be told, or one is not mounted here. Throws ENOENT or ESRCH when the process is gone.
 */
export function containerEntrances(
  layout: CgroupLayout,
  initPid: number,
  containerId: string,
): ContainerEntrances | null {
  return parseEntrances(layout, readFileSync(`/proc/${initPid}/cgroup`, 'utf8'), containerId);
}

/** Of the text of /proc/<pid>/cgroup. */
export function parseEntrances(layout: CgroupLayout, text: string, containerId: string): ContainerEntrances | null {
  const found: ContainerEntrances = { tasks: [], directory: null };
  for (const line of text.split('\n')) {
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const group = containerGroup(path, containerId);
    if (group === null) continue;
    const isUnified = controllers === '';
    const mount = isUnified ? layout.unifiedMount : layout.controllerMounts.get(controllers.split(',')[0] ?? '');
    if (mount === null || mount === undefined) return null;
    if (isUnified) found.directory = join(mount, group);
    else found.tasks.push(join(mount, group, 'tasks'));
  }
  return found.tasks.length > 0 || found.directory !== null ? found : null;
}
