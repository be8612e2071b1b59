import { lstatSync, readdirSync, type BigIntStats } from 'node:fs';
import { lgetxattr } from '../../sys/xattr.js';
import { errnoOf } from '../archive-error.js';
import { binaryName, displayName, sysName } from '../binary-name.js';
import { isOpaque, isWhiteout, listMerged, lookupMerged } from '../merged-layers.js';
import type { JobContext } from './job-context.js';

export interface ChangesArguments {
  upper: string;
  /** Topmost first. */
  lowers: string[];
}

/** Kinds of change, with Docker's numbers. */
export const CHANGE_MODIFIED = 0;
export const CHANGE_ADDED = 1;
export const CHANGE_DELETED = 2;

export interface PathChange {
  /** Absolute, as the container sees it. */
  path: string;
  kind: 0 | 1 | 2;
}

const BATCH = 256;

/** Compares an overlay's upper directory with what is below. */
export async function changesJob(args: ChangesArguments, context: JobContext): Promise<PathChange[]> {
  const walk = new ChangeWalk(context);
  await walk.directory(binaryName(args.upper), args.lowers.map(binaryName), '');
  return walk.changes;
}

class ChangeWalk {
  readonly changes: PathChange[] = [];
  private looked = 0;

  constructor(private readonly context: JobContext) {}

  /** Lists the changes below a directory; `lowers` are the directories it is merged with, none when it is new or opaque. */
  async directory(upper: string, lowers: string[], path: string): Promise<void> {
    for (const name of names(upper)) await this.entry(upper, name, lowers, path);
  }

  private async entry(upper: string, name: string, lowers: string[], parent: string): Promise<void> {
    await this.breathe();
    const from = `${upper}/${name}`;
    const path = `${parent}/${name}`;
    const stat = lstatSync(sysName(from), { bigint: true, throwIfNoEntry: false });
    if (!stat) return;
    const below = lookupMerged(lowers, name);
    if (isWhiteout(stat)) {
      if (below) this.add(path, CHANGE_DELETED);
      return;
    }
    if (!below) this.add(path, CHANGE_ADDED);
    else if (differs(from, stat, below.stat, below.directories[0] ?? '')) this.add(path, CHANGE_MODIFIED);
    if (!stat.isDirectory()) return;
    const before = this.changes.length;
    const listed = this.changes.at(-1)?.path === displayName(path);
    const opaque = below !== null && below.directories.length > 0 && isOpaque(from);
    await this.directory(from, below?.directories ?? [], path);
    if (opaque) this.hidden(from, below.directories, path);
    // A directory with changes inside is listed itself, ahead of them, though nothing of its own changed.
    if (!listed && this.changes.length > before) {
      this.changes.splice(before, 0, { path: displayName(path), kind: CHANGE_MODIFIED });
    }
  }

  /** What an opaque directory hides is deleted, unless the upper layer has the name again. */
  private hidden(upper: string, lowers: string[], path: string): void {
    const present = new Set(names(upper));
    for (const name of listMerged(lowers)) if (!present.has(name)) this.add(`${path}/${name}`, CHANGE_DELETED);
  }

  private add(path: string, kind: PathChange['kind']): void {
    this.changes.push({ path: displayName(path), kind });
  }

  private async breathe(): Promise<void> {
    if (++this.looked % BATCH !== 0) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.context.signal.throwIfAborted();
  }
}

/** What Docker calls different: owner, mode, device; for all but directories also size and time; file capabilities. */
function differs(path: string, stat: BigIntStats, below: BigIntStats, belowPath: string): boolean {
  if (stat.mode !== below.mode || stat.uid !== below.uid || stat.gid !== below.gid || stat.rdev !== below.rdev)
    return true;
  if (stat.isDirectory()) return capability(path) !== (belowPath === '' ? '' : capability(belowPath));
  return stat.size !== below.size || !sameTime(stat.mtimeNs, below.mtimeNs);
}

/** A copy-up or an archive may have cut the fraction off on one side. */
function sameTime(a: bigint, b: bigint): boolean {
  const second = 1_000_000_000n;
  return a === b || (a / second === b / second && (a % second === 0n || b % second === 0n));
}

function capability(path: string): string {
  return lgetxattr(sysName(path), 'security.capability')?.toString('latin1') ?? '';
}

function names(directory: string): string[] {
  try {
    return readdirSync(sysName(directory), { encoding: 'latin1' }).sort();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}
