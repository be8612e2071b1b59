const MAGIC = Buffer.from([0x1f, 0x8b, 8]);
const FIXED_BYTES = 10;
const FLAG_EXTRA = 4;
const FLAG_NAME = 8;
const FLAG_COMMENT = 16;

/** The comment in the header of a gzip file (RFC 1952) that begins with these bytes; '' if it has none. */
export function parseGzipComment(head: Buffer): string {
  const flags = head[3] ?? 0;
  if (head.length < FIXED_BYTES || !head.subarray(0, 3).equals(MAGIC) || !(flags & FLAG_COMMENT)) return '';
  let at = FIXED_BYTES;
  if (flags & FLAG_EXTRA) at += 2 + (head.length >= at + 2 ? head.readUInt16LE(at) : 0);
  if (flags & FLAG_NAME) at = head.indexOf(0, at) + 1;
  const end = head.indexOf(0, at);
  return at > 0 && end >= at ? head.toString('latin1', at, end) : '';
}
