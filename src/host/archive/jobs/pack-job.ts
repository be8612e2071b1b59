import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type BigIntStats,
} from 'node:fs';
import { splitDevice } from '../../sys/mknod.js';
import { O_PATH, openat2, RESOLVE } from '../../sys/openat2.js';
import { lgetxattr } from '../../sys/xattr.js';
import { attempt, errnoOf, systemFault } from '../archive-error.js';
import { binaryName, joinName, pathIn, sysName } from '../binary-name.js';
import { toContainerId, type IdMap } from '../id-map.js';
import type { TarEntry, TarEntryType } from '../tar-entry.js';
import { encodeHeader, END_OF_ARCHIVE, paddingAfter } from '../tar-writer.js';
import type { JobContext } from './job-context.js';

export interface PackArguments {
  /** What stands for `/`; trusted, its links are followed. */
  root: string;
  /** Path inside the root that is packed, links resolved in the root, the last component not followed; `` is the root. */
  path: string;
  /** Name of that in the archive, its content below it; `` leaves the top entry out and names the content from there. */
  name: string;
  /** Write overlayfs's whiteouts and opaque directories as `.wh.` entries; else they are packed as the devices they are. */
  layer: boolean;
  idMap: IdMap | null;
}

const CAPABILITY = 'security.capability';
const OPAQUE = 'trusted.overlay.opaque';
/** Size of the pieces that are handed out. */
const PIECE_BYTES = 256 * 1024;

/** Writes a tar archive of a tree, in the order of name bytes. */
export async function packJob(args: PackArguments, context: JobContext): Promise<null> {
  const rootFd = attempt('open', args.root, () => openSync(args.root, O_PATH | constants.O_DIRECTORY));
  try {
    await new Packer(args, context).run(rootFd, binaryName(args.path), binaryName(args.name));
  } finally {
    closeSync(rootFd);
  }
  return null;
}

class Packer {
  private readonly links = new Map<string, string>();
  /** Gathers headers and content until it is full; files are read to where they are sent from. */
  private readonly buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
  private filledBytes = 0;

  constructor(
    private readonly args: PackArguments,
    private readonly context: JobContext,
  ) {}

  async run(rootFd: number, path: string, name: string): Promise<void> {
    const slash = path.lastIndexOf('/');
    const parent = slash < 0 ? '.' : path.slice(0, slash);
    const base = path.slice(slash + 1);
    if (base === '') {
      await this.pack(rootFd, '.', name);
    } else {
      const flags = O_PATH | constants.O_DIRECTORY;
      const parentFd = attempt('openat', path, () =>
        openat2(rootFd, sysName(parent), { flags, resolve: RESOLVE.IN_ROOT }),
      );
      try {
        await this.pack(parentFd, base, name);
      } finally {
        closeSync(parentFd);
      }
    }
    await this.send(END_OF_ARCHIVE);
    await this.flush();
  }

  /** One entry, and for a directory all that is in it. `name` is where it stands in the archive. */
  private async pack(directoryFd: number, base: string, name: string): Promise<void> {
    this.context.signal.throwIfAborted();
    const path = pathIn(directoryFd, base);
    // A live tree: what vanishes between listing and looking is not part of the archive.
    const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (!stat) return;
    if (stat.isDirectory()) return this.packDirectory(directoryFd, base, name, stat);
    const whiteout = this.args.layer && stat.isCharacterDevice() && stat.rdev === 0n;
    if (whiteout) return this.sendWhiteout(name, stat);
    const entry = this.describe(path, name, stat);
    if (!entry) return;
    if (entry.type === 'file' && entry.sizeBytes > 0) await this.packFile(directoryFd, base, entry);
    else await this.send(encodeHeader(entry));
  }

  private async packDirectory(directoryFd: number, base: string, name: string, stat: BigIntStats): Promise<void> {
    const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
    const fd = attempt('openat', name, () => openat2(directoryFd, sysName(base), { flags, resolve: RESOLVE.BENEATH }));
    try {
      const entry = this.describe(pathIn(fd, '.'), name, stat);
      if (entry && name !== '') await this.send(encodeHeader(entry));
      if (this.args.layer && lgetxattr(pathIn(fd, '.'), OPAQUE)?.toString() === 'y') {
        await this.send(encodeHeader(marker(joinName(trimSlash(name), '.wh..wh..opq'), entry ?? null)));
      }
      const names = readdirSync(`/proc/self/fd/${fd}`, { encoding: 'latin1' }).sort(byBytes);
      for (const child of names) await this.pack(fd, child, childName(name, child));
    } finally {
      closeSync(fd);
    }
  }

  private async sendWhiteout(name: string, stat: BigIntStats): Promise<void> {
    const slash = name.lastIndexOf('/');
    const hidden = `${name.slice(0, slash + 1)}.wh.${name.slice(slash + 1)}`;
    const entry = { ...marker(hidden, null), mode: 0o600, mtimeNs: stat.mtimeNs };
    await this.send(encodeHeader(entry));
  }

  /** The header's fields; null for what archives have no entry for (sockets). Files with several names become links to the first. */
  private describe(path: string | Buffer, name: string, stat: BigIntStats): TarEntry | null {
    const type = typeOf(stat);
    if (!type) return null;
    const device = splitDevice(stat.rdev);
    const isDevice = type === 'char' || type === 'block';
    const entry: TarEntry = {
      name,
      type,
      mode: Number(stat.mode) & 0o7777,
      uid: toContainerId(this.args.idMap?.uids, Number(stat.uid)),
      gid: toContainerId(this.args.idMap?.gids, Number(stat.gid)),
      sizeBytes: type === 'file' ? Number(stat.size) : 0,
      mtimeNs: stat.mtimeNs,
      linkName: type === 'symlink' ? readlinkSync(path, { encoding: 'latin1' }) : '',
      deviceMajor: isDevice ? device.major : 0,
      deviceMinor: isDevice ? device.minor : 0,
      xattrs: null,
    };
    if (type !== 'directory' && stat.nlink > 1n) this.linkToFirst(entry, stat);
    const capability = type === 'file' || type === 'directory' ? lgetxattr(path, CAPABILITY) : null;
    if (capability) entry.xattrs = new Map([[CAPABILITY, capability]]);
    return entry;
  }

  private linkToFirst(entry: TarEntry, stat: BigIntStats): void {
    const inode = `${stat.dev}:${stat.ino}`;
    const first = this.links.get(inode);
    if (first === undefined) this.links.set(inode, entry.name);
    else Object.assign(entry, { type: 'hardlink', linkName: first, sizeBytes: 0 });
  }

  /** Exactly the size that the header promised: a file that grows meanwhile is cut, one that shrinks is filled with zeros. */
  private async packFile(directoryFd: number, base: string, entry: TarEntry): Promise<void> {
    const fd = this.openFile(directoryFd, base, entry.name);
    if (fd === null) return;
    try {
      await this.send(encodeHeader(entry));
      for (let left = entry.sizeBytes; left > 0;) {
        const { buffer, filledBytes: at } = this;
        const length = Math.min(left, buffer.length - at);
        let read = readSync(fd, buffer, at, length, null);
        if (read === 0) read = buffer.fill(0, at, at + length) && length;
        left -= read;
        this.filledBytes += read;
        if (this.filledBytes === buffer.length) await this.flush();
      }
      await this.send(paddingAfter(entry.sizeBytes));
    } finally {
      closeSync(fd);
    }
  }

  private openFile(directoryFd: number, base: string, name: string): number | null {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    try {
      return openat2(directoryFd, sysName(base), { flags, resolve: RESOLVE.BENEATH });
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return null;
      throw systemFault('open', name, error);
    }
  }

  private async send(piece: Buffer): Promise<void> {
    for (let at = 0; at < piece.length;) {
      const part = piece.subarray(at, at + this.buffer.length - this.filledBytes);
      this.buffer.set(part, this.filledBytes);
      this.filledBytes += part.length;
      at += part.length;
      if (this.filledBytes === this.buffer.length) await this.flush();
    }
  }

  private async flush(): Promise<void> {
    const piece = this.buffer.subarray(0, this.filledBytes);
    this.filledBytes = 0;
    if (piece.length > 0) await this.context.emit(piece);
  }
}

/** An empty file as dockerd writes it for an opaque directory: mode 0755, time 0, the directory's owner. */
function marker(name: string, directory: TarEntry | null): TarEntry {
  return {
    name,
    type: 'file',
    mode: 0o755,
    uid: directory?.uid ?? 0,
    gid: directory?.gid ?? 0,
    sizeBytes: 0,
    mtimeNs: 0n,
    linkName: '',
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: null,
  };
}

function typeOf(stat: BigIntStats): TarEntryType | null {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isCharacterDevice()) return 'char';
  if (stat.isBlockDevice()) return 'block';
  return stat.isFIFO() ? 'fifo' : null;
}

/** `/` has children `/etc`; `a` has `a/b`; no name has `b`. */
function childName(parent: string, child: string): string {
  return parent === '/' ? `/${child}` : joinName(parent, child);
}

function trimSlash(name: string): string {
  return name === '/' ? '' : name;
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
