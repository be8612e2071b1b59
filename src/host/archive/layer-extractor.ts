import { constants } from 'node:fs';
import { mknodat } from '../sys/at.js';
import { lsetxattr } from '../sys/xattr.js';
import { ArchiveError, attempt, errnoOf, systemFault } from './archive-error.js';
import { baseOf, cleanEntryName, displayName, joinName, parentOf, pathIn, sysName } from './binary-name.js';
import { EntryWriter } from './entry-writer.js';
import { toHostId, type IdMap } from './id-map.js';
import { invalidEntryName, RootDirectory, type Place } from './root-directory.js';
import type { TarEntry } from './tar-entry.js';
import type { TarHandler } from './tar-reader.js';

const WHITEOUT = '.wh.';
const WHITEOUT_META = '.wh..wh.';
const OPAQUE = '.wh..wh..opq';

/**
 * Writes the entries of one image layer as a directory that overlayfs takes as a lower layer: whiteouts become character devices 0/0,
 * opaque markers the `trusted.overlay.opaque` attribute. Source: OCI image-spec "Layer Filesystem Changeset", kernel
 * Documentation/filesystems/overlayfs. A whiteout hides only what is below: what the same layer holds under the name stays, and
 * a directory of it becomes opaque. Of two entries with the same name the later one wins.
 */
export class LayerExtractor implements TarHandler, Disposable {
  /** Entries seen so far, whiteouts included. */
  entries = 0;
  private readonly root: RootDirectory;
  private readonly writer: EntryWriter;
  private readonly whiteouts = new Set<string>();
  /** aufs kept link targets and such in `/.wh..wh.*`; links to them are made, then they go. */
  private readonly metaRoots = new Set<string>();
  private writing = false;

  constructor(directory: string, idMap?: IdMap) {
    this.root = new RootDirectory(directory, { uid: toHostId(idMap?.uids, 0), gid: toHostId(idMap?.gids, 0) });
    this.writer = new EntryWriter(this.root, {
      replace: (place, path) => this.replace(place, path),
      owner: (entry) => ({ uid: toHostId(idMap?.uids, entry.uid), gid: toHostId(idMap?.gids, entry.gid) }),
    });
  }

  entry(entry: TarEntry): void {
    this.entries++;
    const path = cleanEntryName(entry.name);
    if (path === null) throw invalidEntryName(entry.name);
    const base = baseOf(path);
    this.writing = false;
    if (base.startsWith(WHITEOUT)) {
      if (base === OPAQUE) return this.makeOpaque(parentOf(path));
      if (!base.startsWith(WHITEOUT_META)) return this.whiteout(entry, path, base.slice(WHITEOUT.length));
      if (entry.type !== 'directory' || path !== base) return;
    }
    if (path.startsWith(WHITEOUT_META)) this.metaRoots.add(path.split('/', 1)[0] ?? path);
    const covers = this.clearWhiteouts(path, entry);
    this.writing = true;
    this.writer.begin(entry, path);
    if (covers) this.setOpaque(path);
  }

  data(piece: Buffer, offset: number): void {
    if (this.writing) this.writer.write(piece, offset);
  }

  entryEnd(): void {
    if (this.writing) this.writer.end();
    this.writing = false;
  }

  /** Call once all entries are in. */
  finish(): void {
    for (const name of this.metaRoots) {
      this.root.remove(this.root.existingPlace(name), name);
      this.writer.forgetTimes(name);
    }
    this.writer.finish();
  }

  [Symbol.dispose](): void {
    this.writer.abandon();
    this.root[Symbol.dispose]();
  }

  private whiteout(entry: TarEntry, path: string, hidden: string): void {
    if (hidden === '' || hidden === '.' || hidden === '..') {
      throw new ArchiveError(`invalid whiteout entry "${displayName(entry.name)}"`);
    }
    const target = joinName(parentOf(path), hidden);
    this.clearWhiteouts(target, null);
    const place = this.root.place(target);
    try {
      mknodat(place.directoryFd, sysName(hidden), constants.S_IFCHR, 0, 0);
      this.whiteouts.add(target);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw systemFault('mknod', target, error);
      if (this.root.lstat(place)?.isDirectory()) this.setOpaque(target);
    }
  }

  private makeOpaque(path: string): void {
    if (path !== '') this.clearWhiteouts(joinName(path, OPAQUE), null);
    this.root.directory(path, true);
    this.setOpaque(path);
  }

  private setOpaque(path: string): void {
    const fd = this.root.directory(path, false);
    const shown = path === '' ? '/' : path;
    // The descriptor's own path is a link that lsetxattr would not follow; `/.` makes it the directory.
    attempt('lsetxattr', shown, () => lsetxattr(pathIn(fd, '.'), 'trusted.overlay.opaque', Buffer.from('y')));
  }

  /**
   * A directory that this layer removed below and now makes anew must not show what is below: true when that is so for `path`
   * itself; parents that the archive leaves out are made here.
   */
  private clearWhiteouts(path: string, entry: TarEntry | null): boolean {
    if (this.whiteouts.size === 0) return false;
    for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
      const parent = path.slice(0, slash);
      if (!this.whiteouts.delete(parent)) continue;
      this.root.remove(this.root.place(parent), parent);
      this.root.directory(parent, true);
      this.setOpaque(parent);
    }
    if (!entry || !this.whiteouts.delete(path)) return false;
    this.root.remove(this.root.place(path), path);
    return entry.type === 'directory';
  }

  private replace(place: Place, path: string): void {
    this.root.remove(place, path);
    this.writer.forgetTimes(path);
    for (const hidden of this.whiteouts) if (hidden.startsWith(`${path}/`)) this.whiteouts.delete(hidden);
  }
}
