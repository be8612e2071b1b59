import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lookupMerged } from '../archive/merged-layers.js';
import { binaryName } from '../archive/binary-name.js';

/**
 * The mount points that a container needs, in the order in which they are made. Source: `<id>-init/diff` of dockerd 28.5.
 */
const INIT_ENTRIES: readonly { path: string; kind: 'directory' | 'file' | { target: string } }[] = [
  { path: 'dev', kind: 'directory' },
  { path: 'dev/pts', kind: 'directory' },
  { path: 'dev/shm', kind: 'directory' },
  { path: 'dev/console', kind: 'file' },
  { path: 'proc', kind: 'directory' },
  { path: 'sys', kind: 'directory' },
  { path: 'etc', kind: 'directory' },
  { path: 'etc/hosts', kind: 'file' },
  { path: 'etc/hostname', kind: 'file' },
  { path: 'etc/resolv.conf', kind: 'file' },
  { path: 'etc/mtab', kind: { target: '/proc/mounts' } },
  { path: '.dockerenv', kind: 'file' },
];

/**
 * Fills a directory that lies between the image and the container: mount points that images lack. Being below the container's own layer,
 * `docker diff` and commit don't see it. Directories that the image has keep their owner and mode; links and files where a
 * directory or mount point belongs are covered. `lowers` are the image's directories, topmost first.
 */
export function fillInitLayer(directory: string, lowers: string[]): void {
  const merged = new Map<string, string[]>([['', lowers.map(binaryName)]]);
  for (const { path, kind } of INIT_ENTRIES) {
    const slash = path.lastIndexOf('/');
    const below = lookupMerged(merged.get(path.slice(0, Math.max(slash, 0))) ?? [], path.slice(slash + 1));
    const target = join(directory, path);
    if (kind === 'file') {
      writeFileSync(target, '', { flag: 'wx' });
      chmodSync(target, 0o755);
    } else if (kind === 'directory') {
      mkdirSync(target);
      const keeps = below?.stat.isDirectory() ? below.stat : null;
      chownSync(target, Number(keeps?.uid ?? 0), Number(keeps?.gid ?? 0));
      chmodSync(target, keeps ? Number(keeps.mode) & 0o7777 : 0o755);
      merged.set(path, below?.directories ?? []);
    } else {
      symlinkSync(kind.target, target);
    }
  }
}
