import { lstatSync, readdirSync, type BigIntStats } from 'node:fs';
import { lgetxattr } from '../sys/xattr.js';
import { joinName, sysName } from './binary-name.js';

/** Whether a file is overlayfs's mark of a deletion: a character device 0/0. */
export function isWhiteout(stat: BigIntStats): boolean {
  return stat.isCharacterDevice() && stat.rdev === 0n;
}

/** Whether a directory hides what lower layers have under its name. */
export function isOpaque(directory: string): boolean {
  return lgetxattr(sysName(directory), 'trusted.overlay.opaque')?.toString() === 'y';
}

/** What a name means in the union of several layers. */
export interface MergedEntry {
  stat: BigIntStats;
  /** For a directory: the layers' directories that make it up, topmost first (binary paths); else empty. */
  directories: string[];
}

/**
 * What overlayfs would show under a name in a directory that is made up of these, without mounting it; null when there is nothing.
 * Source: kernel Documentation/filesystems/overlayfs, "Merged directories", "whiteouts and opaque directories".
 */
export function lookupMerged(directories: string[], name: string): MergedEntry | null {
  let found: MergedEntry | null = null;
  for (const directory of directories) {
    const path = `${directory}/${name}`;
    const stat = lstatSync(sysName(path), { bigint: true, throwIfNoEntry: false });
    if (!stat) continue;
    if (isWhiteout(stat)) break;
    if (!stat.isDirectory()) {
      found ??= { stat, directories: [] };
      break;
    }
    found ??= { stat, directories: [] };
    found.directories.push(path);
    if (isOpaque(path)) break;
  }
  return found;
}

/** The names that overlayfs would show in such a directory, in byte order. */
export function listMerged(directories: string[]): string[] {
  const shown = new Map<string, boolean>();
  for (const directory of directories) {
    for (const name of readdirSync(sysName(directory), { encoding: 'latin1' })) {
      if (shown.has(name)) continue;
      const stat = lstatSync(sysName(joinName(directory, name)), { bigint: true, throwIfNoEntry: false });
      if (stat) shown.set(name, !isWhiteout(stat));
    }
  }
  return [...shown]
    .filter(([, visible]) => visible)
    .map(([name]) => name)
    .sort();
}
