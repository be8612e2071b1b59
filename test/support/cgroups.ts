import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

/** Where a process sees the control groups: its mount namespace may have hierarchies that this one lacks. */
export function cgroupRoot(pid: number): string {
  return `/proc/${pid}/root/sys/fs/cgroup`;
}

/** The directories of a control group, in whatever hierarchies it exists. */
export function cgroupDirectories(path: string, root: string): string[] {
  return ['', ...readdirSync(root)]
    .map((controller) => join(root, controller, path))
    .filter((directory) => existsSync(directory));
}

/** Whether no group is left below. The last one goes a moment after its container. */
export function hasNoChildren(path: string, root: string): boolean {
  return cgroupDirectories(path, root).every(
    (directory) => !readdirSync(directory, { withFileTypes: true }).some((entry) => entry.isDirectory()),
  );
}

/** Removes a control group without processes or children; who names a parent for containers has to take it away. */
export function removeCgroup(path: string, root: string): void {
  for (const directory of cgroupDirectories(path, root)) rmdirSync(directory);
}
