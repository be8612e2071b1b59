import { ArchiveError, INVALID_HEADER } from './archive-error.js';
import type { SparseRegion, TarEntry } from './tar-entry.js';

/** The records of one extended header, in order (GNU sparse 0.0 repeats keys). Values are binary strings. */
export type PaxRecords = [key: string, value: string][];

const XATTR_PREFIX = 'SCHILY.xattr.';
const LIBARCHIVE_PREFIX = 'LIBARCHIVE.xattr.';

/** Parses `length key=value\n` records. Throws ArchiveError when they are malformed. */
export function parsePaxRecords(data: Buffer): PaxRecords {
  const records: PaxRecords = [];
  for (let offset = 0; offset < data.length;) {
    const space = data.indexOf(32, offset);
    const digits = space < 0 ? '' : data.toString('latin1', offset, space);
    const length = Number(digits);
    const end = offset + length;
    if (!/^[0-9]{1,10}$/.test(digits) || end > data.length || end <= space || data[end - 1] !== 10) throw malformed();
    const equals = data.indexOf(61, space);
    if (equals < 0 || equals >= end) throw malformed();
    records.push([data.toString('utf8', space + 1, equals), data.toString('latin1', equals + 1, end - 1)]);
    offset = end;
  }
  return records;
}

/** Serialises records; the length in front counts itself. */
export function formatPaxRecords(records: PaxRecords): Buffer {
  return Buffer.concat(
    records.map(([key, value]) => {
      const body = Buffer.concat([Buffer.from(` ${key}=`, 'utf8'), Buffer.from(`${value}\n`, 'latin1')]);
      let length = body.length;
      while (String(length).length + body.length !== length) length = String(length).length + body.length;
      return Buffer.concat([Buffer.from(String(length)), body]);
    }),
  );
}

/** Overrides an entry's fields with the records. An empty path or link path leaves the header's own. */
export function applyPaxRecords(entry: TarEntry, records: PaxRecords): void {
  for (const [key, value] of records) {
    if (key === 'path' && value !== '') entry.name = value;
    else if (key === 'linkpath' && value !== '') entry.linkName = value;
    else if (key === 'uid') entry.uid = integer(value);
    else if (key === 'gid') entry.gid = integer(value);
    else if (key === 'size') entry.sizeBytes = integer(value);
    else if (key === 'mtime') entry.mtimeNs = parsePaxTime(value);
    else if (key.startsWith(XATTR_PREFIX))
      setXattr(entry, key.slice(XATTR_PREFIX.length), Buffer.from(value, 'latin1'));
    else if (key.startsWith(LIBARCHIVE_PREFIX)) setLibarchiveXattr(entry, key, value);
  }
}

function setXattr(entry: TarEntry, name: string, value: Buffer): void {
  entry.xattrs ??= new Map();
  entry.xattrs.set(name, value);
}

/** libarchive writes the name URL-encoded and the value in base64, beside or in place of the SCHILY form, which wins. */
function setLibarchiveXattr(entry: TarEntry, key: string, value: string): void {
  const encoded = key.slice(LIBARCHIVE_PREFIX.length);
  const name = encoded.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  if (!entry.xattrs?.has(name)) setXattr(entry, name, Buffer.from(value, 'base64'));
}

/** What the PAX records say about a sparse file; null when it is none. */
export interface PaxSparse {
  /** null: format 1.0, the map stands in front of the data. */
  regions: SparseRegion[] | null;
  name: string | null;
  realSizeBytes: number | null;
}

/** Reads the GNU.sparse.* records of formats 0.0, 0.1 and 1.0. Source: GNU tar manual, "Storing Sparse Files". */
export function paxSparse(records: PaxRecords): PaxSparse | null {
  if (!records.some(([key]) => key.startsWith('GNU.sparse.'))) return null;
  const last = new Map(records);
  const real = last.get('GNU.sparse.realsize') ?? last.get('GNU.sparse.size');
  const common = {
    name: last.get('GNU.sparse.name') ?? null,
    realSizeBytes: real === undefined ? null : integer(real),
  };
  if (last.get('GNU.sparse.major') === '1' && last.get('GNU.sparse.minor') === '0') return { regions: null, ...common };
  const map = last.get('GNU.sparse.map');
  const numbers =
    map !== undefined
      ? map.split(',').filter((part) => part !== '')
      : records.filter(([key]) => /^GNU\.sparse\.(offset|numbytes)$/.test(key)).map(([, value]) => value);
  if (map === undefined && last.get('GNU.sparse.numblocks') === undefined) return null;
  return { regions: pairs(numbers.map(integer)), ...common };
}

/** Offsets and lengths that alternate, as regions. */
export function pairs(numbers: number[]): SparseRegion[] {
  if (numbers.length % 2 !== 0) throw malformed();
  const regions: SparseRegion[] = [];
  for (let index = 0; index < numbers.length; index += 2) {
    regions.push({ offset: numbers[index] ?? 0, length: numbers[index + 1] ?? 0 });
  }
  return regions;
}

/** Seconds with an optional fraction, maybe negative, as nanoseconds; digits beyond nanoseconds are cut off. */
export function parsePaxTime(value: string): bigint {
  const match = /^(-?)([0-9]{1,18})(?:\.([0-9]*))?$/.exec(value);
  if (!match) throw malformed();
  const ns = BigInt(match[2] ?? '0') * 1_000_000_000n + BigInt((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  return match[1] === '-' ? -ns : ns;
}

function integer(value: string): number {
  const result = Number(value);
  if (!/^[0-9]+$/.test(value) || !Number.isSafeInteger(result)) throw malformed();
  return result;
}

function malformed(): ArchiveError {
  return new ArchiveError(INVALID_HEADER);
}
