import { closeSync, constants, lstatSync, openSync, readdirSync, type Stats } from 'node:fs';
import { fchownat, mkdirat, readlinkat, unlinkat } from '../sys/at.js';
import { O_PATH, openat2, RESOLVE } from '../sys/openat2.js';
import { ArchiveError, attempt, errnoOf, systemFault } from './archive-error.js';
import { baseOf, cleanInRoot, displayName, joinName, parentOf, pathIn, sysName } from './binary-name.js';

const DIRECTORY_FLAGS = O_PATH | constants.O_DIRECTORY;
const IMPLIED_MODE = 0o755;
/** Open descriptors kept per archive. Entries come sorted by directory, so a few would do; this is small beside ulimit. */
const CACHE_LIMIT = 128;
/** As many links as the kernel follows in one path. */
const MAX_LINKS = 40;

/** Where an entry goes: an open directory that is certainly inside the root, and one name in it. */
export interface Place {
  /** Valid until the next call on the RootDirectory. */
  directoryFd: number;
  /** One component, never `.`, `..` or empty. */
  name: string;
}

/** Mode owner of directories that an archive leaves out. */
export interface ImpliedOwner {
  uid: number;
  gid: number;
}

/**
 * A directory that stands for `/`: every path is resolved by the kernel with RESOLVE_IN_ROOT, so that no link (not even one that
 * appears while we work) leads outside; what is done to the last component is done relative to the open parent and never
 * follows a link. Paths are cleaned binary strings without a leading slash. Dispose it to close its descriptors.
 */
export class RootDirectory implements Disposable {
  private readonly rootFd: number;
  private readonly open = new Map<string, number>();

  /** `root` itself is trusted and its links are followed. Throws when it is not a directory. */
  constructor(
    readonly root: string,
    private readonly impliedOwner: ImpliedOwner = { uid: 0, gid: 0 },
  ) {
    this.rootFd = attempt('open', root, () => openSync(root, DIRECTORY_FLAGS));
  }

  /** Resolves a path's parent, making directories that are missing (mode 0755). Throws for the root itself. */
  place(path: string): Place {
    return { directoryFd: this.directory(parentOf(path), true), name: baseOf(path) };
  }

  /** As place(), but a missing parent is an error (ENOENT). */
  existingPlace(path: string): Place {
    return { directoryFd: this.directory(parentOf(path), false), name: baseOf(path) };
  }

  /** The descriptor (O_PATH) of a directory, links resolved inside the root; valid until the next call. */
  directory(path: string, create: boolean): number {
    if (path === '') return this.rootFd;
    const cached = this.open.get(path);
    if (cached !== undefined) {
      this.open.delete(path);
      this.open.set(path, cached);
      return cached;
    }
    return this.remember(path, this.openDirectory(path, create));
  }

  /** Forgets resolved directories; to be called when a directory or a link goes away, as paths may now mean another place. */
  forget(): void {
    for (const fd of this.open.values()) closeSync(fd);
    this.open.clear();
  }

  /** lstat of the last component; null when there is none. */
  lstat(place: Place): Stats | null {
    return lstatSync(pathIn(place.directoryFd, place.name), { throwIfNoEntry: false }) ?? null;
  }

  /** Removes whatever has this name, a directory with all that is in it; never follows a link. Missing is fine. */
  remove(place: Place, shownAs: string): void {
    this.forgetKeeping(place, () => removeTree(place.directoryFd, place.name, shownAs));
  }

  [Symbol.dispose](): void {
    this.forget();
    closeSync(this.rootFd);
  }

  private openDirectory(path: string, create: boolean, links = 0): number {
    try {
      return openat2(this.rootFd, sysName(path), { flags: DIRECTORY_FLAGS, resolve: RESOLVE.IN_ROOT });
    } catch (error) {
      if (!create || errnoOf(error) !== 'ENOENT') throw systemFault('openat', path, error);
    }
    const parentFd = this.directory(parentOf(path), true);
    const name = baseOf(path);
    try {
      mkdirat(parentFd, sysName(name), IMPLIED_MODE);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST' || links >= MAX_LINKS) throw systemFault('mkdirat', path, error);
      return this.openBehindLink(parentFd, path, links + 1);
    }
    const { uid, gid } = this.impliedOwner;
    if (uid !== 0 || gid !== 0) attempt('lchown', path, () => fchownat(parentFd, sysName(name), uid, gid));
    const flags = DIRECTORY_FLAGS | constants.O_NOFOLLOW;
    return attempt('openat', path, () => openat2(parentFd, sysName(name), { flags, resolve: RESOLVE.BENEATH }));
  }

  /** The name is a link to a directory that is yet to be made, somewhere in the root. */
  private openBehindLink(parentFd: number, path: string, links: number): number {
    const target = attempt('readlinkat', path, () => readlinkat(parentFd, sysName(baseOf(path)))).toString('latin1');
    const from = target.startsWith('/') ? '' : parentOf(path);
    const clean = cleanInRoot(joinName(from, target));
    return this.openDirectory(clean === '' ? '.' : clean, true, links);
  }

  private remember(path: string, fd: number): number {
    this.open.set(path, fd);
    if (this.open.size > CACHE_LIMIT) {
      const [oldest, oldestFd] = this.open.entries().next().value as [string, number];
      this.open.delete(oldest);
      closeSync(oldestFd);
    }
    return fd;
  }

  /** The place's own descriptor has to outlive the removal. */
  private forgetKeeping(place: Place, action: () => void): void {
    action();
    for (const [path, fd] of this.open) {
      if (fd === place.directoryFd) continue;
      closeSync(fd);
      this.open.delete(path);
    }
  }
}

/** Removes a tree below an open directory, component by component, so that a swapped link can't redirect it. */
export function removeTree(directoryFd: number, name: string, shownAs: string): void {
  try {
    unlinkat(directoryFd, sysName(name));
    return;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    // unlink(2) of a directory is EISDIR on Linux, EPERM in POSIX.
    if (errnoOf(error) !== 'EISDIR' && errnoOf(error) !== 'EPERM') throw systemFault('RemoveAll', shownAs, error);
  }
  const flags = DIRECTORY_FLAGS | constants.O_NOFOLLOW;
  const fd = openSameMount(directoryFd, name, flags, shownAs);
  try {
    for (const child of readdirSync(`/proc/self/fd/${fd}`, { encoding: 'latin1' })) {
      removeTree(fd, child, joinName(shownAs, child));
    }
  } finally {
    closeSync(fd);
  }
  attempt('RemoveAll', shownAs, () => unlinkat(directoryFd, sysName(name), { directory: true }));
}

/** A mount point inside a tree is not emptied; the kernel says the same to rmdir(2). */
function openSameMount(directoryFd: number, name: string, flags: number, shownAs: string): number {
  try {
    return openat2(directoryFd, sysName(name), { flags, resolve: RESOLVE.BENEATH | RESOLVE.NO_XDEV });
  } catch (error) {
    if (errnoOf(error) !== 'EXDEV') throw systemFault('RemoveAll', shownAs, error);
    throw new ArchiveError(`RemoveAll ${displayName(shownAs)}: device or resource busy`, 'EBUSY', error);
  }
}

/** The refusal of a name that climbs out of the archive, in dockerd's words. */
export function invalidEntryName(name: string): ArchiveError {
  return new ArchiveError(`invalid entry name "${displayName(name)}"`);
}
