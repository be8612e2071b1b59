import { ArchiveError, INVALID_HEADER, UNEXPECTED_EOF } from './archive-error.js';
import { applyPaxRecords, parsePaxRecords, paxSparse, type PaxRecords } from './pax-records.js';
import { parseSparseMap, SparseLayout } from './sparse-layout.js';
import { BLOCK_BYTES, isZeroBlock, parseBlock, parseGnuSparse, size, type TarBlock } from './tar-block.js';
import type { SparseRegion, TarEntry, TarEntryType } from './tar-entry.js';

/** Receives the entries of an archive, in order and synchronously. */
export interface TarHandler {
  entry(entry: TarEntry): void;
  /** A piece of the current file and its offset in it; pieces come in rising order, what they leave out is zero. */
  data(piece: Buffer, offset: number): void;
  /** The current entry is complete. */
  entryEnd(): void;
}

const TYPES: Record<string, TarEntryType> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};
const MAX_META_BYTES = 1024 * 1024;
/** A sparse map of 1.0 has no stated bound; GNU tar writes 20 bytes a region, so this is half a million holes. */
const MAX_MAP_BYTES = 16 * 1024 * 1024;

type State = 'header' | 'meta' | 'gnu-sparse' | 'map' | 'data' | 'padding' | 'end';

/**
 * A tar parser that is pushed bytes and calls a handler: v7, ustar, PAX, GNU (long names, base-256, all sparse formats) and star.
 * Faults are ArchiveErrors in the words of Go's archive/tar. Global PAX headers are skipped, as dockerd does; whatever
 * follows the end mark is ignored.
 */
export class TarReader {
  private state: State = 'header';
  /** Bytes collected for a block or an extension header that is not yet complete. */
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private wanted = BLOCK_BYTES;
  private zeroBlocks = 0;

  private metaType = '';
  private metaPadding = 0;
  private pax: PaxRecords | null = null;
  private longName: string | null = null;
  private longLink: string | null = null;

  private entry: TarEntry | null = null;
  private regions: SparseRegion[] = [];
  private layout: SparseLayout | null = null;
  private remaining = 0;
  private position = 0;
  private padding = 0;

  constructor(private readonly handler: TarHandler) {}

  /** Whether the end mark has been read; more bytes are ignored. */
  get ended(): boolean {
    return this.state === 'end';
  }

  /** Takes the next bytes. Handlers get views into the chunk, valid during the call. */
  push(chunk: Buffer): void {
    let offset = 0;
    while (offset < chunk.length && this.state !== 'end') {
      if (this.state === 'data') offset += this.takeData(chunk, offset);
      else if (this.state === 'padding') offset += this.takePadding(chunk.length - offset);
      else offset += this.collect(chunk, offset);
    }
  }

  /** No more bytes will come. Throws `unexpected EOF` when an entry is cut short; a missing end mark is fine. */
  finish(): void {
    if (this.state === 'end' || this.state === 'padding') return;
    const atBoundary = this.state === 'header' && this.pendingBytes === 0;
    if (!atBoundary || this.pax || this.longName !== null || this.longLink !== null) {
      throw new ArchiveError(UNEXPECTED_EOF);
    }
  }

  private collect(chunk: Buffer, offset: number): number {
    const missing = this.wanted - this.pendingBytes;
    const length = Math.min(missing, chunk.length - offset);
    const piece = chunk.subarray(offset, offset + length);
    if (length === missing && this.pendingBytes === 0) {
      this.collected(piece);
      return length;
    }
    // A copy: the chunk belongs to the caller once push() returns.
    this.pending.push(Buffer.from(piece));
    this.pendingBytes += length;
    if (length === missing) {
      const whole = Buffer.concat(this.pending);
      this.pending = [];
      this.pendingBytes = 0;
      this.collected(whole);
    }
    return length;
  }

  private collected(block: Buffer): void {
    if (this.state === 'header') this.takeHeader(block);
    else if (this.state === 'meta') this.takeMeta(block);
    else if (this.state === 'gnu-sparse') this.takeGnuSparse(block);
    else this.takeMap(block);
  }

  private takeHeader(block: Buffer): void {
    if (isZeroBlock(block)) {
      if (++this.zeroBlocks === 2) this.state = 'end';
      return;
    }
    if (this.zeroBlocks > 0) throw new ArchiveError(INVALID_HEADER);
    const header = parseBlock(block);
    if ('xgLK'.includes(header.typeFlag)) return this.startMeta(header);
    this.startEntry(header, block);
  }

  private startMeta(header: TarBlock): void {
    if (header.sizeBytes > MAX_META_BYTES) throw new ArchiveError(INVALID_HEADER);
    this.metaType = header.typeFlag;
    this.metaPadding = paddingOf(header.sizeBytes);
    this.expect('meta', header.sizeBytes + this.metaPadding);
    if (this.wanted === 0) this.takeMeta(Buffer.alloc(0));
  }

  private takeMeta(block: Buffer): void {
    const data = block.subarray(0, block.length - this.metaPadding);
    if (this.metaType === 'x') this.pax = parsePaxRecords(data);
    else if (this.metaType === 'L') this.longName = cString(data);
    else if (this.metaType === 'K') this.longLink = cString(data);
    this.expect('header', BLOCK_BYTES);
  }

  private startEntry(header: TarBlock, block: Buffer): void {
    const type = TYPES[header.typeFlag];
    if (!type) throw new ArchiveError(`unhandled tar header type ${header.typeFlag.charCodeAt(0)}`);
    const entry: TarEntry = {
      name: this.longName ?? header.name,
      type,
      mode: header.mode & 0o7777,
      uid: header.uid,
      gid: header.gid,
      sizeBytes: header.sizeBytes,
      mtimeNs: BigInt(header.mtimeSeconds) * 1_000_000_000n,
      linkName: this.longLink ?? header.linkName,
      deviceMajor: header.deviceMajor,
      deviceMinor: header.deviceMinor,
      xattrs: null,
    };
    const records = this.pax;
    this.pax = this.longName = this.longLink = null;
    if (records) applyPaxRecords(entry, records);
    if (type === 'file' && header.typeFlag !== 'S' && entry.name.endsWith('/')) entry.type = 'directory';
    // Only files have content; what others state as size is not followed by data (Go and GNU tar agree).
    if (entry.type !== 'file') entry.sizeBytes = 0;
    this.entry = entry;
    this.layout = null;
    this.remaining = entry.sizeBytes;
    this.position = 0;
    this.padding = paddingOf(entry.sizeBytes);
    if (header.typeFlag === 'S') this.startGnuSparse(block);
    else if (records && entry.type === 'file') this.startPaxSparse(records);
    else this.startData();
  }

  private startGnuSparse(block: Buffer): void {
    this.regions = parseGnuSparse(block, 386, 4);
    if (this.entry) this.entry.sizeBytes = size(block, 483, 12);
    if (block[482]) this.expect('gnu-sparse', BLOCK_BYTES);
    else this.startSparseData();
  }

  private takeGnuSparse(block: Buffer): void {
    this.regions.push(...parseGnuSparse(block, 0, 21));
    if (!block[504]) this.startSparseData();
  }

  private startPaxSparse(records: PaxRecords): void {
    const sparse = paxSparse(records);
    if (!sparse || !this.entry) return this.startData();
    if (sparse.name !== null) this.entry.name = sparse.name;
    if (sparse.realSizeBytes !== null) this.entry.sizeBytes = sparse.realSizeBytes;
    if (sparse.regions) {
      this.regions = sparse.regions;
      return this.startSparseData();
    }
    if (this.remaining < BLOCK_BYTES) throw new ArchiveError(INVALID_HEADER);
    this.expect('map', BLOCK_BYTES);
  }

  private takeMap(block: Buffer): void {
    const parsed = parseSparseMap(block);
    if (parsed) {
      this.remaining -= parsed.mapBytes;
      this.regions = parsed.regions;
      this.startSparseData();
      const rest = block.subarray(parsed.mapBytes);
      if (rest.length > 0) this.takeData(rest, 0);
      return;
    }
    // Doubling keeps a long map from being copied once per block; what is read too much is data.
    const next = Math.min(block.length * 2, this.remaining);
    if (next === block.length || block.length > MAX_MAP_BYTES) throw new ArchiveError(INVALID_HEADER);
    this.pending = [Buffer.from(block)];
    this.pendingBytes = block.length;
    this.wanted = next;
  }

  private startSparseData(): void {
    this.layout = new SparseLayout(this.regions, this.remaining, this.entry?.sizeBytes ?? 0);
    this.startData();
  }

  private startData(): void {
    if (this.entry) this.handler.entry(this.entry);
    this.state = 'data';
    if (this.remaining === 0) this.endData();
  }

  private takeData(chunk: Buffer, offset: number): number {
    const length = Math.min(this.remaining, chunk.length - offset);
    const piece = chunk.subarray(offset, offset + length);
    if (this.layout) this.layout.place(piece, (part, at) => this.handler.data(part, at));
    else this.handler.data(piece, this.position);
    this.position += length;
    this.remaining -= length;
    if (this.remaining === 0) this.endData();
    return length;
  }

  private endData(): void {
    this.entry = null;
    this.handler.entryEnd();
    if (this.padding > 0) this.state = 'padding';
    else this.expect('header', BLOCK_BYTES);
  }

  private takePadding(available: number): number {
    const length = Math.min(this.padding, available);
    this.padding -= length;
    if (this.padding === 0) this.expect('header', BLOCK_BYTES);
    return length;
  }

  private expect(state: State, bytes: number): void {
    this.state = state;
    this.wanted = bytes;
  }
}

function paddingOf(bytes: number): number {
  return (BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES;
}

function cString(data: Buffer): string {
  const end = data.indexOf(0);
  return data.toString('latin1', 0, end < 0 ? data.length : end);
}
