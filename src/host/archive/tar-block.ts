import { ArchiveError, INVALID_HEADER } from './archive-error.js';
import type { SparseRegion } from './tar-entry.js';

export const BLOCK_BYTES = 512;

/** The fields of one 512-byte header. Source: tar(5), POSIX.1 pax, GNU tar's "Basic Tar Format". */
export interface TarBlock {
  name: string;
  mode: number;
  uid: number;
  gid: number;
  sizeBytes: number;
  mtimeSeconds: number;
  typeFlag: string;
  linkName: string;
  deviceMajor: number;
  deviceMinor: number;
  isGnu: boolean;
}

/** Whether the whole block is zero: half of the end-of-archive mark. */
export function isZeroBlock(block: Buffer): boolean {
  for (let index = 0; index < BLOCK_BYTES; index++) if (block[index] !== 0) return false;
  return true;
}

/** Parses a header. Throws ArchiveError (`archive/tar: invalid tar header`) when the checksum or a number is wrong. */
export function parseBlock(block: Buffer): TarBlock {
  verifyChecksum(block);
  const magic = block.toString('latin1', 257, 265);
  const isGnu = magic === 'ustar  \0';
  const isUstar = magic.startsWith('ustar\0');
  let name = text(block, 0, 100);
  if (isUstar) {
    const isStar = block.toString('latin1', 508, 512) === 'tar\0';
    const prefix = text(block, 345, isStar ? 131 : 155);
    if (prefix !== '') name = `${prefix}/${name}`;
  }
  const typeFlag = String.fromCharCode(block[156] ?? 0);
  const hasDevice = isUstar || isGnu;
  return {
    name,
    mode: number(block, 100, 8),
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    sizeBytes: size(block, 124, 12),
    mtimeSeconds: number(block, 136, 12),
    typeFlag,
    linkName: text(block, 157, 100),
    deviceMajor: hasDevice ? number(block, 329, 8) : 0,
    deviceMinor: hasDevice ? number(block, 337, 8) : 0,
    isGnu,
  };
}

/** The part of an old GNU sparse map that sits in a header (4 regions) or in an extension block (21). */
export function parseGnuSparse(block: Buffer, offset: number, count: number): SparseRegion[] {
  const regions: SparseRegion[] = [];
  for (let index = 0; index < count; index++) {
    const at = offset + index * 24;
    if (block[at] === 0) break;
    regions.push({ offset: size(block, at, 12), length: size(block, at + 12, 12) });
  }
  return regions;
}

/** A non-negative number field. */
export function size(block: Buffer, offset: number, length: number): number {
  const value = number(block, offset, length);
  if (value < 0) throw new ArchiveError(INVALID_HEADER);
  return value;
}

function text(block: Buffer, offset: number, length: number): string {
  const raw = block.toString('latin1', offset, offset + length);
  const end = raw.indexOf('\0');
  return end < 0 ? raw : raw.slice(0, end);
}

/** Octal text, or a big-endian two's complement number when the first bit is set (GNU base-256). */
function number(block: Buffer, offset: number, length: number): number {
  const first = block[offset] ?? 0;
  if (first & 0x80) return base256(block, offset, length, first);
  const digits = block
    .toString('latin1', offset, offset + length)
    .replace(/^[ \0]+/, '')
    .replace(/[ \0][^]*$/, '');
  if (digits === '') return 0;
  if (!/^[0-7]+$/.test(digits)) throw new ArchiveError(INVALID_HEADER);
  return parseInt(digits, 8);
}

function base256(block: Buffer, offset: number, length: number, first: number): number {
  let value = BigInt(first & 0x40 ? first - 0x100 : first & 0x7f);
  for (let index = 1; index < length; index++) value = (value << 8n) | BigInt(block[offset + index] ?? 0);
  const result = Number(value);
  if (!Number.isSafeInteger(result)) throw new ArchiveError(INVALID_HEADER);
  return result;
}

/** The sum of all bytes with the checksum field as blanks; some old writers summed signed bytes. */
function verifyChecksum(block: Buffer): void {
  let unsigned = 0;
  let signed = 0;
  for (let index = 0; index < BLOCK_BYTES; index++) {
    const byte = index >= 148 && index < 156 ? 32 : (block[index] ?? 0);
    unsigned += byte;
    signed += byte < 128 ? byte : byte - 256;
  }
  const expected = number(block, 148, 8);
  if (expected !== unsigned && expected !== signed) throw new ArchiveError(INVALID_HEADER);
}
