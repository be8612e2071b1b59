import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import { spoolArchive, type SpooledEntry } from '../../host/archive/spool-archive.js';
import type { ContentStore } from '../../host/content/content-store.js';
import type { SpooledBlob } from '../../host/content/spooled-blob.js';

/** A file of an archive of images: small ones in memory, others on disk in the content store's ingest folder. */
export interface SpooledFile {
  digest: string;
  sizeBytes: number;
  /** null: on disk. */
  bytes: Buffer | null;
  /** Makes it a blob of the content store. */
  commit(): Promise<void>;
}

const MAX_LINKS = 40;

/** The files of an archive of images, read from a stream that cannot be rewound. Dispose of it: what was not committed goes. */
export class ArchiveSpool implements AsyncDisposable {
  private readonly files = new Map<string, SpooledFile>();
  private readonly links = new Map<string, string>();
  private readonly blobs: SpooledBlob[] = [];

  private constructor(private readonly content: ContentStore) {}

  /** Reads the archive, compressed or not, to its end. Throws ArchiveError for a bad one. */
  static async read(source: Readable, content: ContentStore, signal: AbortSignal): Promise<ArchiveSpool> {
    const spool = new ArchiveSpool(content);
    const { files, links } = await spoolArchive(source, content.ingestDirectory, signal);
    for (const { name, type, target } of links) {
      const from = normalize(name);
      spool.links.set(from, normalize(type === 'hardlink' ? target : posix.join(posix.dirname(from), target)));
    }
    for (const entry of files) spool.keep(normalize(entry.name), entry);
    return spool;
  }

  /** A file by its path; links are followed. null: there is none. */
  find(path: string): SpooledFile | null {
    let name = normalize(path);
    for (let hops = 0; hops < MAX_LINKS; hops++) {
      const file = this.files.get(name);
      if (file) return file;
      const target = this.links.get(name);
      if (target === undefined) return null;
      name = target;
    }
    return null;
  }

  /** The contents of a small file; null: there is none, or it is no small file. */
  text(path: string): string | null {
    return this.find(path)?.bytes?.toString('utf8') ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const blob of this.blobs) await blob[Symbol.asyncDispose]();
  }

  private keep(name: string, { digest, sizeBytes, bytes, path }: SpooledEntry): void {
    this.files.set(name, path === null ? this.inMemory(digest, bytes) : this.onDisk(digest, sizeBytes, path));
  }

  private inMemory(digest: string, content: Uint8Array | null): SpooledFile {
    const bytes = Buffer.from(content ?? []);
    return { digest, sizeBytes: bytes.length, bytes, commit: async () => void (await this.content.put(bytes)) };
  }

  private onDisk(digest: string, sizeBytes: number, path: string): SpooledFile {
    const blob = this.content.adopt(path);
    this.blobs.push(blob);
    let committed = false;
    const commit = async (): Promise<void> => {
      if (committed) return;
      committed = true;
      if (!(await this.content.has(digest))) await blob.commit(digest);
    };
    return { digest, sizeBytes, bytes: null, commit };
  }
}

/** A path inside the archive, without leading `./`, `/` or `..`. */
function normalize(path: string): string {
  return posix.join('/', path).replace(/^\/+/, '').replace(/\/+$/, '');
}
