import { ArchiveError } from '../archive-error.js';
import { binaryName, cleanEntryName, displayName } from '../binary-name.js';
import { detectCompression, inflated, peek } from '../decompress.js';
import { EntryWriter } from '../entry-writer.js';
import { toHostId, type IdMap } from '../id-map.js';
import { invalidEntryName, RootDirectory, type Place } from '../root-directory.js';
import type { TarEntry } from '../tar-entry.js';
import { TarReader, type TarHandler } from '../tar-reader.js';
import { readFileChunks } from './unpack-layer-job.js';
import type { JobContext } from './job-context.js';

export interface ExtractArguments {
  /** An archive to read; null: the job's input. */
  sourcePath: string | null;
  /** What stands for `/`. */
  root: string;
  /** Directory inside the root to extract into; links are resolved in the root. */
  path: string;
  noOverwriteDirNonDir: boolean;
  /** All entries become this owner's; null: as in the archive. */
  owner: { uid: number; gid: number } | null;
  idMap: IdMap | null;
}

/** Extracts an archive into a directory that exists, entry over entry. */
export async function extractJob(args: ExtractArguments, context: JobContext): Promise<null> {
  const source = args.sourcePath === null ? context.input : readFileChunks(args.sourcePath);
  using extractor = new RootExtractor(args);
  const reader = new TarReader(extractor);
  const { head, rest } = await peek(source);
  for await (const chunk of inflated(detectCompression(head), rest)) {
    context.signal.throwIfAborted();
    reader.push(chunk);
  }
  reader.finish();
  extractor.finish();
  return null;
}

class RootExtractor implements TarHandler, Disposable {
  private readonly root: RootDirectory;
  private readonly writer: EntryWriter;
  private readonly prefix: string;

  constructor(private readonly args: ExtractArguments) {
    const clean = cleanEntryName(binaryName(args.path));
    if (clean === null) throw invalidEntryName(args.path);
    this.prefix = clean;
    this.root = new RootDirectory(args.root, this.owner(0, 0));
    this.writer = new EntryWriter(this.root, {
      replace: (place, path, entry) => this.replace(place, path, entry),
      owner: (entry) => this.owner(entry.uid, entry.gid),
    });
    try {
      this.root.directory(this.prefix, false);
    } catch (error) {
      this.root[Symbol.dispose]();
      throw error;
    }
  }

  entry(entry: TarEntry): void {
    const path = cleanEntryName(entry.name);
    if (path === null) throw invalidEntryName(entry.name);
    // dockerd leaves the directory that is extracted into as it is.
    if (path === '' && entry.type === 'directory') return;
    if (path === '') throw invalidEntryName(entry.name);
    if (entry.type === 'hardlink') entry.linkName = this.linkTarget(entry.linkName);
    const target = this.prefix === '' ? path : `${this.prefix}/${path}`;
    if (this.args.noOverwriteDirNonDir && entry.type === 'directory') this.refuseOverNonDirectory(target, path);
    this.writer.begin(entry, target);
  }

  data(piece: Buffer, offset: number): void {
    this.writer.write(piece, offset);
  }

  entryEnd(): void {
    this.writer.end();
  }

  finish(): void {
    this.writer.finish();
  }

  [Symbol.dispose](): void {
    this.writer.abandon();
    this.root[Symbol.dispose]();
  }

  private owner(uid: number, gid: number): { uid: number; gid: number } {
    const { owner, idMap } = this.args;
    return owner ?? { uid: toHostId(idMap?.uids, uid), gid: toHostId(idMap?.gids, gid) };
  }

  private linkTarget(name: string): string {
    const clean = cleanEntryName(name);
    if (clean === null || clean === '') throw new ArchiveError(`invalid hardlink target "${displayName(name)}"`);
    return this.prefix === '' ? clean : `${this.prefix}/${clean}`;
  }

  private replace(place: Place, path: string, entry: TarEntry): void {
    const existing = this.root.lstat(place);
    if (this.args.noOverwriteDirNonDir && existing?.isDirectory()) {
      const [name, into] = [displayName(entry.name), this.args.path];
      throw new ArchiveError(`cannot overwrite directory "${name}" with non-directory "${into}"`);
    }
    this.root.remove(place, path);
    this.writer.forgetTimes(path);
  }

  private refuseOverNonDirectory(target: string, name: string): void {
    const existing = this.root.lstat(this.root.place(target));
    if (!existing || existing.isDirectory()) return;
    throw new ArchiveError(`cannot overwrite non-directory "${displayName(name)}" with directory "${this.args.path}"`);
  }
}
