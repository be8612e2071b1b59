import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  futimesSync,
  openSync,
  writeSync,
} from 'node:fs';
import { fchownat, linkat, mkdirat, mknodat, symlinkat, utimensatAt } from '../sys/at.js';
import { O_PATH, openat2, RESOLVE } from '../sys/openat2.js';
import { lsetxattr } from '../sys/xattr.js';
import { ArchiveError, attempt, errnoOf, systemFault } from './archive-error.js';
import { cleanEntryName, displayName, pathIn, sysName } from './binary-name.js';
import type { Place, RootDirectory } from './root-directory.js';
import type { TarEntry } from './tar-entry.js';

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const NS_PER_SECOND = 1_000_000_000n;
const NODE_TYPES = { char: constants.S_IFCHR, block: constants.S_IFBLK, fifo: constants.S_IFIFO } as const;

/** A regular file that is being written. */
interface OpenFile {
  fd: number;
  entry: TarEntry;
  path: string;
  uid: number;
  gid: number;
  writtenBytes: number;
}

/** What to do where an entry's name is taken, and whose the entries become. */
export interface EntryPolicy {
  /** Called when the name exists and is not a directory that the entry merges into; removes it or throws. */
  replace(place: Place, path: string, entry: TarEntry): void;
  /** Called before a directory entry is merged into what has its name, or a non-directory stands in the way. */
  owner(entry: TarEntry): { uid: number; gid: number };
}

/**
 * Writes entries below a root with all their metadata. Owner before mode before extended attributes, because chown clears setuid
 * and file capabilities; times of directories at the end, because filling a directory changes them.
 */
export class EntryWriter {
  private readonly directoryTimes = new Map<string, bigint>();
  private file: OpenFile | null = null;

  constructor(
    private readonly root: RootDirectory,
    private readonly policy: EntryPolicy,
  ) {}

  /** Makes the entry at the cleaned `path`; content of a file follows through write(), and end() completes it. */
  begin(entry: TarEntry, path: string): void {
    if (path === '') {
      if (entry.type === 'directory') this.rootEntry(entry);
      return;
    }
    const place = this.root.place(path);
    if (entry.type === 'file') this.openFile(entry, path, place);
    else if (entry.type === 'directory') this.makeDirectory(entry, path, place);
    else this.makeOther(entry, path, place);
  }

  write(piece: Buffer, offset: number): void {
    const file = this.file;
    if (!file) return;
    for (let at = 0; at < piece.length;) {
      at += attempt('write', `/${file.path}`, () => writeSync(file.fd, piece, at, piece.length - at, offset + at));
    }
    file.writtenBytes = offset + piece.length;
  }

  end(): void {
    const file = this.file;
    if (!file) return;
    this.file = null;
    try {
      const { fd, entry, path } = file;
      if (file.writtenBytes < entry.sizeBytes) attempt('truncate', path, () => ftruncateSync(fd, entry.sizeBytes));
      attempt('chown', path, () => fchownSync(fd, file.uid, file.gid));
      attempt('chmod', path, () => fchmodSync(fd, entry.mode));
      // fs.futimes is the quick way, but keeps neither nanoseconds nor times before 1970 (which it takes as now).
      const simpleTime = entry.mtimeNs >= 0n && entry.mtimeNs % NS_PER_SECOND === 0n;
      const place = entry.xattrs || !simpleTime ? this.root.place(path) : null;
      if (place) this.setXattrs(entry, path, place);
      if (place) setTimes(place, path, entry.mtimeNs);
      else setWholeSeconds(fd, path, Number(entry.mtimeNs / NS_PER_SECOND));
    } finally {
      closeSync(file.fd);
    }
  }

  /** Applies what has to wait until all entries are written. */
  finish(): void {
    for (const [path, mtimeNs] of [...this.directoryTimes].reverse()) {
      if (path === '') continue;
      const place = this.root.existingPlace(path);
      if (this.root.lstat(place)?.isDirectory()) setTimes(place, path, mtimeNs);
    }
    const rootTime = this.directoryTimes.get('');
    if (rootTime !== undefined) {
      const fd = this.root.directory('', false);
      attempt('utimensat', '/', () => utimensatAt(fd, '.', rootTime, rootTime));
    }
  }

  /** Closes the file of an entry that was cut short. */
  abandon(): void {
    if (this.file) closeSync(this.file.fd);
    this.file = null;
  }

  /** The path (or one above it) has been removed: its pending times would land on something else. */
  forgetTimes(path: string): void {
    for (const known of this.directoryTimes.keys()) {
      if (known === path || known.startsWith(`${path}/`)) this.directoryTimes.delete(known);
    }
  }

  private openFile(entry: TarEntry, path: string, place: Place): void {
    const target = pathIn(place.directoryFd, place.name);
    const { uid, gid } = this.policy.owner(entry);
    const create = (): number => openSync(target, NEW_FILE, 0o600);
    const fd = this.unlessTaken(entry, path, place, 'open', create);
    this.file = { fd, entry, path, uid, gid, writtenBytes: 0 };
  }

  private makeDirectory(entry: TarEntry, path: string, place: Place): void {
    if (!this.root.lstat(place)?.isDirectory()) {
      this.unlessTaken(entry, path, place, 'mkdirat', () => mkdirat(place.directoryFd, sysName(place.name), 0o700));
    }
    this.ownMode(entry, path, place);
    this.setXattrs(entry, path, place);
    this.directoryTimes.delete(path);
    this.directoryTimes.set(path, entry.mtimeNs);
  }

  /** The archive describes the root itself (`./`). */
  private rootEntry(entry: TarEntry): void {
    const fd = this.root.directory('', false);
    this.ownMode(entry, '/', { directoryFd: fd, name: '.' });
    this.setXattrs(entry, '/', { directoryFd: fd, name: '.' });
    this.directoryTimes.set('', entry.mtimeNs);
  }

  private makeOther(entry: TarEntry, path: string, place: Place): void {
    const name = sysName(place.name);
    const { directoryFd } = place;
    if (entry.type === 'hardlink') return this.makeHardLink(entry, path, place);
    if (entry.type === 'symlink') {
      const target = sysName(entry.linkName);
      this.unlessTaken(entry, path, place, 'symlinkat', () => symlinkat(target, directoryFd, name));
      const { uid, gid } = this.policy.owner(entry);
      attempt('lchown', path, () => fchownat(directoryFd, name, uid, gid));
    } else if (entry.type === 'char' || entry.type === 'block' || entry.type === 'fifo') {
      const mode = NODE_TYPES[entry.type] | 0o600;
      const { deviceMajor, deviceMinor } = entry.type === 'fifo' ? { deviceMajor: 0, deviceMinor: 0 } : entry;
      const make = (): void => mknodat(directoryFd, name, mode, deviceMajor, deviceMinor);
      this.unlessTaken(entry, path, place, 'mknodat', make);
      this.ownMode(entry, path, place);
    }
    this.setXattrs(entry, path, place);
    setTimes(place, path, entry.mtimeNs);
  }

  /** A link shares the inode of its target, whose own entry has set the metadata: chown again would drop its capabilities. */
  private makeHardLink(entry: TarEntry, path: string, place: Place): void {
    const target = cleanEntryName(entry.linkName);
    if (target === null || target === '') {
      throw new ArchiveError(`invalid hardlink target "${displayName(entry.linkName)}"`);
    }
    if (target === path) return;
    const shown = `${entry.linkName} ${path}`;
    this.unlessTaken(entry, path, place, 'linkat', () => {
      const from = this.root.existingPlace(target);
      const to = this.root.place(path);
      try {
        linkat(from.directoryFd, sysName(from.name), to.directoryFd, sysName(to.name));
      } catch (error) {
        throw errnoOf(error) === 'EEXIST' ? error : systemFault('linkat', shown, error);
      }
    });
  }

  /** Tries to make the name; where it is taken, has the policy clear it and tries once more. */
  private unlessTaken<T>(entry: TarEntry, path: string, place: Place, operation: string, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw systemFault(operation, path, error);
    }
    this.policy.replace(place, path, entry);
    return attempt(operation, path, make);
  }

  /**
   * Owner and mode of a directory or device through a descriptor of the very inode: there is no chmod that takes a name and
   * certainly does not follow a link which a running container puts there meanwhile.
   */
  private ownMode(entry: TarEntry, path: string, place: Place): void {
    const { uid, gid } = this.policy.owner(entry);
    const name = sysName(place.name);
    const flags = O_PATH | constants.O_NOFOLLOW;
    const fd = attempt('openat', path, () => openat2(place.directoryFd, name, { flags, resolve: RESOLVE.BENEATH }));
    try {
      attempt('lchown', path, () => fchownat(place.directoryFd, name, uid, gid));
      attempt('chmod', path, () => chmodSync(`/proc/self/fd/${fd}`, entry.mode));
    } finally {
      closeSync(fd);
    }
  }

  /** Attributes that the file system has no room for are left out, as dockerd does; overlay's own are never taken from an archive. */
  private setXattrs(entry: TarEntry, path: string, place: Place): void {
    for (const [name, value] of entry.xattrs ?? []) {
      if (/^(trusted|user)\.overlay\./.test(name) || name.includes('\0')) continue;
      try {
        lsetxattr(pathIn(place.directoryFd, place.name), name, value);
      } catch (error) {
        const code = errnoOf(error);
        if (code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'EPERM')
          throw systemFault('lsetxattr', path, error);
      }
    }
  }
}

function setTimes(place: Place, path: string, mtimeNs: bigint): void {
  attempt('utimensat', path, () => utimensatAt(place.directoryFd, sysName(place.name), mtimeNs, mtimeNs));
}

function setWholeSeconds(fd: number, path: string, seconds: number): void {
  attempt('utimensat', path, () => futimesSync(fd, seconds, seconds));
}
