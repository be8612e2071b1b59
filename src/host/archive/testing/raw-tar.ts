/**
 * A tar writer of the tests' own, for archives that our writer never makes: every way that the formats have of saying
 * the same. It shares nothing with the code that is tested.
 */
export interface RawEntry {
  name: string;
  /** The type byte. */
  type: string;
  link: string;
  mode: number;
  uid: number;
  gid: number;
  /** Seconds, with or without a fraction. */
  mtime: string;
  device: [major: number, minor: number];
  data: Buffer;
  /** Extents of a sparse file, whose data then are those of the extents; null: it is none. */
  sparse: { realSize: number; extents: [offset: number, length: number][] } | null;
  xattrs: [name: string, value: string][];
  /** Which extensions say what the old header can't. */
  style: 'gnu' | 'pax' | 'pax-sparse-0.1';
  /** More PAX records, which say other things than the header. */
  records?: [key: string, value: string][];
}

const BLOCK = 512;

/** A regular file that needs no extension; change what is to be different. */
export const PLAIN_FILE: RawEntry = {
  ...{ name: 'f', type: '0', link: '', mode: 0o644, uid: 0, gid: 0, mtime: '0', device: [0, 0] },
  ...{ data: Buffer.alloc(0), sparse: null, xattrs: [], style: 'pax' },
};

/** The archive, with its end. */
export function rawTar(entries: readonly RawEntry[], options: { global?: boolean } = {}): Buffer {
  const global = options.global ? extension('g', paxRecords([['comment', 'about all']])) : Buffer.alloc(0);
  return Buffer.concat([global, ...entries.map(encode), Buffer.alloc(2 * BLOCK)]);
}

function encode(entry: RawEntry): Buffer {
  const isPax = entry.style !== 'gnu';
  const before: Buffer[] = [];
  const records: [string, string][] = [];
  let { data } = entry;
  let name = entry.name;
  if (entry.sparse) {
    const { realSize, extents } = entry.sparse;
    records.push(['GNU.sparse.name', name]);
    if (entry.style === 'pax-sparse-0.1') {
      records.push(['GNU.sparse.size', String(realSize)], ['GNU.sparse.numblocks', String(extents.length)]);
      records.push(['GNU.sparse.map', extents.flat().join(',')]);
    } else {
      records.push(['GNU.sparse.major', '1'], ['GNU.sparse.minor', '0'], ['GNU.sparse.realsize', String(realSize)]);
      data = Buffer.concat([padded(Buffer.from(`${extents.length}\n${extents.flat().join('\n')}\n`)), data]);
    }
    name = `GNUSparseFile.0/${name}`.slice(-90);
  }
  const isLong = Buffer.byteLength(name) > 100;
  const isLongLink = Buffer.byteLength(entry.link) > 100;
  if (isPax || entry.sparse) {
    if (isLong) records.push(['path', name]);
    if (isLongLink) records.push(['linkpath', entry.link]);
    if (entry.uid > 0o7777777) records.push(['uid', String(entry.uid)]);
    if (entry.gid > 0o7777777) records.push(['gid', String(entry.gid)]);
    records.push(['mtime', entry.mtime]);
    for (const [key, value] of entry.xattrs) records.push([`SCHILY.xattr.${key}`, value]);
    before.push(extension('x', paxRecords([...records, ...(entry.records ?? [])])));
  } else {
    if (isLongLink) before.push(extension('K', Buffer.from(`${entry.link}\0`)));
    if (isLong) before.push(extension('L', Buffer.from(`${name}\0`)));
  }
  return Buffer.concat([...before, header({ ...entry, name, sizeBytes: data.length }), padded(data)]);
}

/** An entry that says something about the next one, or about all. */
export function extension(type: string, data: Buffer): Buffer {
  const plain = { link: '', mode: 0o644, uid: 0, gid: 0, mtime: '0', device: [0, 0] as [number, number] };
  return Buffer.concat([
    header({ ...plain, name: '././@Ext', type, sizeBytes: data.length, style: 'gnu' }),
    padded(data),
  ]);
}

function paxRecords(records: [string, string][]): Buffer {
  return Buffer.concat(
    records.map(([key, value]) => {
      const rest = Buffer.from(` ${key}=${value}\n`);
      let length = rest.length;
      while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
      return Buffer.concat([Buffer.from(String(length)), rest]);
    }),
  );
}

type Header = Pick<RawEntry, 'name' | 'type' | 'link' | 'mode' | 'uid' | 'gid' | 'mtime' | 'device' | 'style'> & {
  sizeBytes: number;
};

function header(entry: Header): Buffer {
  const block = Buffer.alloc(BLOCK);
  const isPax = entry.style !== 'gnu';
  const seconds = Math.floor(Number(entry.mtime));
  const number = (value: number, at: number, length: number): void => {
    const fits = value >= 0 && value < 8 ** (length - 1);
    if (fits || isPax) block.write((fits ? value : 0).toString(8).padStart(length - 1, '0'), at, 'latin1');
    else base256(block, BigInt(value), at, length);
  };
  Buffer.from(entry.name).copy(block, 0, 0, 100);
  number(entry.mode, 100, 8);
  number(entry.uid, 108, 8);
  number(entry.gid, 116, 8);
  number(entry.sizeBytes, 124, 12);
  number(seconds, 136, 12);
  block.write(' '.repeat(8), 148, 'latin1');
  block.write(entry.type, 156, 'latin1');
  Buffer.from(entry.link).copy(block, 157, 0, 100);
  block.write(isPax ? 'ustar\x0000' : 'ustar  \0', 257, 'latin1');
  number(entry.device[0], 329, 8);
  number(entry.device[1], 337, 8);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** GNU's way of writing what no octal digits can: two's complement, the first bit set. */
function base256(block: Buffer, value: bigint, at: number, length: number): void {
  let rest = BigInt.asUintN(length * 8 - 1, value);
  for (let i = at + length - 1; i >= at; i--) {
    block[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  block[at] = (block[at] ?? 0) | 0x80;
}

function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)]);
}
