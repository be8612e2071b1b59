import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { llistxattr, lgetxattr } from '../../sys/xattr.js';

/** Everything that an archive can say about a tree, one line per path, so that two trees compare as text. */
export function describeTree(root: string, options: { times?: boolean; directoryTimes?: boolean } = {}): string[] {
  const lines: string[] = [];
  const inodes = new Map<bigint, string>();
  const visit = (path: string): void => {
    const full = join(root, path);
    const stat = lstatSync(full, { bigint: true });
    const first = stat.isDirectory() ? undefined : inodes.get(stat.ino);
    inodes.set(stat.ino, first ?? path);
    const content = stat.isFile()
      ? readFileSync(full).toString('base64')
      : stat.isSymbolicLink()
        ? readlinkSync(full)
        : '';
    const xattrs = llistxattr(full).map((name) => `${name}=${lgetxattr(full, name)?.toString('hex')}`);
    const isTimed = stat.isDirectory() ? (options.directoryTimes ?? options.times) : options.times;
    const time = isTimed === false ? '' : String(stat.mtimeNs);
    lines.push(
      [path, stat.mode.toString(8), stat.uid, stat.gid, stat.rdev, time, first ?? '', content, ...xattrs].join(' '),
    );
    if (stat.isDirectory()) for (const name of readdirSync(full).sort()) visit(join(path, name));
  };
  visit('.');
  return lines;
}
