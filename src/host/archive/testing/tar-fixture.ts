import { encodeHeader, END_OF_ARCHIVE, paddingAfter } from '../tar-writer.js';
import { binaryName } from '../binary-name.js';
import type { TarEntry, TarEntryType } from '../tar-entry.js';

/** An entry as tests write it: names as text, everything but the name optional. */
export interface FixtureEntry {
  name: string;
  type?: TarEntryType;
  data?: string | Buffer;
  link?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  mtimeNs?: bigint;
  major?: number;
  minor?: number;
  xattrs?: Record<string, string>;
}

/** The archive of some entries, hostile names included. */
export function tarOf(entries: FixtureEntry[], end: Buffer = END_OF_ARCHIVE): Buffer {
  return Buffer.concat([...entries.map(encode), end]);
}

function encode(fixture: FixtureEntry): Buffer {
  const data = Buffer.from(fixture.data ?? '');
  const xattrs = Object.entries(fixture.xattrs ?? {}).map(([name, value]) => [name, Buffer.from(value)] as const);
  const entry: TarEntry = {
    name: binaryName(fixture.name),
    type: fixture.type ?? 'file',
    mode: fixture.mode ?? (fixture.type === 'directory' ? 0o755 : 0o644),
    uid: fixture.uid ?? 0,
    gid: fixture.gid ?? 0,
    sizeBytes: data.length,
    mtimeNs: fixture.mtimeNs ?? 1_600_000_000_000_000_000n,
    linkName: binaryName(fixture.link ?? ''),
    deviceMajor: fixture.major ?? 0,
    deviceMinor: fixture.minor ?? 0,
    xattrs: xattrs.length > 0 ? new Map(xattrs) : null,
  };
  return Buffer.concat([encodeHeader(entry), data, paddingAfter(data.length)]);
}
