import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

/** The directories of a control group, in whatever hierarchies it exists. */
export function cgroupDirectories(path: string): string[] {
  return ['', ...readdirSync('/sys/fs/cgroup')]
    .map((controller) => join('/sys/fs/cgroup', controller, path))
    .filter((directory) => existsSync(directory));
}

/** Whether no group is left below. The last one goes a moment after its container. */
export function hasNoChildren(path: string): boolean {
  return cgroupDirectories(path).every(
    (directory) => !readdirSync(directory, { withFileTypes: true }).some((entry) => entry.isDirectory()),
  );
}

/** Removes a control group without processes or children; who names a parent for containers has to take it away. */
export function removeCgroup(path: string): void {
  for (const directory of cgroupDirectories(path)) rmdirSync(directory);
}
