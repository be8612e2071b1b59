import { baseOf, joinName, parentOf } from './binary-name.js';
import { formatPaxRecords, type PaxRecords } from './pax-records.js';
import { BLOCK_BYTES } from './tar-block.js';
import type { TarEntry, TarEntryType } from './tar-entry.js';

const TYPE_FLAGS: Record<TarEntryType, string> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};
const MAX_OCTAL_7 = 0o7777777;
const MAX_OCTAL_11 = 0o77777777777;

/** Two zero blocks. */
export const END_OF_ARCHIVE = Buffer.alloc(2 * BLOCK_BYTES);

/** Zeros that fill a file's last block. */
export function paddingAfter(sizeBytes: number): Buffer {
  return Buffer.alloc((BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES);
}

/**
 * The header of an entry, with a PAX header before it where ustar's fields are too small, as dockerd's archives are: whole seconds, no user
 * names, records sorted by key. Directories get a trailing slash.
 */
export function encodeHeader(entry: TarEntry): Buffer {
  const name = entry.type === 'directory' && !entry.name.endsWith('/') ? `${entry.name}/` : entry.name;
  const seconds = floorSeconds(entry.mtimeNs);
  const records: PaxRecords = [];
  if (seconds < 0 || seconds > MAX_OCTAL_11) records.push(['mtime', String(seconds)]);
  if (needsPax(name)) records.push(['path', name]);
  if (needsPax(entry.linkName)) records.push(['linkpath', entry.linkName]);
  if (entry.uid > MAX_OCTAL_7) records.push(['uid', String(entry.uid)]);
  if (entry.gid > MAX_OCTAL_7) records.push(['gid', String(entry.gid)]);
  if (entry.sizeBytes > MAX_OCTAL_11) records.push(['size', String(entry.sizeBytes)]);
  for (const [key, value] of entry.xattrs ?? []) records.push([`SCHILY.xattr.${key}`, value.toString('latin1')]);
  const header = ustarBlock({ ...entry, name }, TYPE_FLAGS[entry.type], clamp(seconds));
  return records.length === 0 ? header : Buffer.concat([paxHeader(name, records), header]);
}

function paxHeader(name: string, records: PaxRecords): Buffer {
  records.sort(([a], [b]) => (a < b ? -1 : 1));
  const data = formatPaxRecords(records);
  const path = name.endsWith('/') ? name.slice(0, -1) : name;
  const fields = {
    name: joinName(joinName(parentOf(path), 'PaxHeaders.0'), baseOf(path)),
    mode: 0,
    uid: 0,
    gid: 0,
    sizeBytes: data.length,
    linkName: '',
    deviceMajor: 0,
    deviceMinor: 0,
  };
  return Buffer.concat([ustarBlock(fields, 'x', 0), data, paddingAfter(data.length)]);
}

type UstarFields = Omit<TarEntry, 'type' | 'mtimeNs' | 'xattrs'>;

function ustarBlock(fields: UstarFields, typeFlag: string, mtimeSeconds: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  text(block, fields.name, 0, 100);
  octal(block, fields.mode, 100, 8);
  octal(block, fields.uid > MAX_OCTAL_7 ? 0 : fields.uid, 108, 8);
  octal(block, fields.gid > MAX_OCTAL_7 ? 0 : fields.gid, 116, 8);
  octal(block, fields.sizeBytes > MAX_OCTAL_11 ? 0 : fields.sizeBytes, 124, 12);
  octal(block, mtimeSeconds, 136, 12);
  block.write('        ', 148, 'latin1');
  block.write(typeFlag, 156, 'latin1');
  text(block, fields.linkName, 157, 100);
  block.write('ustar\x0000', 257, 'latin1');
  octal(block, fields.deviceMajor, 329, 8);
  octal(block, fields.deviceMinor, 337, 8);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** What PAX overrides is cut to ASCII here, for readers that know no PAX. */
function text(block: Buffer, value: string, offset: number, length: number): void {
  block.write(value.replace(/[^\x00-\x7f]/g, '').slice(0, length), offset, 'latin1');
}

function octal(block: Buffer, value: number, offset: number, length: number): void {
  block.write(value.toString(8).padStart(length - 1, '0'), offset, 'latin1');
}

function needsPax(value: string): boolean {
  return value.length > 100 || /[^\x00-\x7f]/.test(value);
}

function floorSeconds(ns: bigint): number {
  const seconds = ns / 1_000_000_000n;
  return Number(ns % 1_000_000_000n < 0n ? seconds - 1n : seconds);
}

function clamp(seconds: number): number {
  return seconds < 0 || seconds > MAX_OCTAL_11 ? 0 : seconds;
}
