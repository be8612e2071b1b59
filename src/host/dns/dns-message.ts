import { ipToBytes } from '../sys/socket.js';

/** Types of records. Source: RFC 1035, 3596, 2782, 6891. */
export const RECORD_TYPE = { A: 1, PTR: 12, AAAA: 28, SRV: 33, OPT: 41 } as const;
export const CLASS_IN = 1;

/** Codes of an answer. */
export const RCODE = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  noSuchName: 3,
  notImplemented: 4,
  refused: 5,
} as const;

const HEADER_BYTES = 12;
const FLAG_RESPONSE = 0x8000;
const FLAG_TRUNCATED = 0x0200;
const FLAG_RECURSION_DESIRED = 0x0100;
const FLAG_RECURSION_AVAILABLE = 0x0080;
const OPCODE_MASK = 0x7800;
const LONGEST_NAME = 253;
/** What a client takes over UDP that says nothing. */
const PLAIN_UDP_BYTES = 512;
/** No answer of ours is larger over UDP, so that none is cut into fragments. */
const LARGEST_UDP_BYTES = 1232;
const POINTER_TO_QUESTION = 0xc000 | HEADER_BYTES;

/** What a client asks. */
export interface DnsQuery {
  id: number;
  /** As it was asked, without the dot at the end; '' is the root. */
  name: string;
  type: number;
  recordClass: number;
  recursionDesired: boolean;
  /** How long an answer over UDP may be. */
  udpBytes: number;
  /** The client speaks EDNS, so the answer has an OPT record. */
  edns: boolean;
  /** The message as it came. */
  bytes: Buffer;
  /** Where the question ends. */
  questionEnd: number;
}

/** One record of an answer; it is for the name that was asked. */
export type DnsRecord =
  | { type: typeof RECORD_TYPE.A | typeof RECORD_TYPE.AAAA; address: string }
  | { type: typeof RECORD_TYPE.PTR; name: string };

export interface DnsAnswer {
  code: number;
  ttlSec: number;
  records: readonly DnsRecord[];
}

/**
 * The query in a message. A string: it can't be understood, and this is the code to answer with (`formatError`, or
 * `notImplemented` for anything else than a plain query). null: not even that, since the message has no id or is an answer.
 */
export function parseQuery(bytes: Buffer): DnsQuery | { id: number; code: number } | null {
  if (bytes.length < HEADER_BYTES) return null;
  const id = bytes.readUInt16BE(0);
  const flags = bytes.readUInt16BE(2);
  if ((flags & FLAG_RESPONSE) !== 0) return null;
  if ((flags & OPCODE_MASK) !== 0) return { id, code: RCODE.notImplemented };
  const question = bytes.readUInt16BE(4) === 1 ? readName(bytes, HEADER_BYTES) : null;
  if (!question || question.end + 4 > bytes.length) return { id, code: RCODE.formatError };
  const questionEnd = question.end + 4;
  const edns = readEdns(bytes, questionEnd);
  return {
    id,
    name: question.name,
    type: bytes.readUInt16BE(question.end),
    recordClass: bytes.readUInt16BE(question.end + 2),
    recursionDesired: (flags & FLAG_RECURSION_DESIRED) !== 0,
    udpBytes: Math.min(Math.max(edns ?? 0, PLAIN_UDP_BYTES), LARGEST_UDP_BYTES),
    edns: edns !== null,
    bytes,
    questionEnd,
  };
}

/** The name at an offset of a question, where no pointer is allowed; null when it is none. */
function readName(bytes: Buffer, start: number): { name: string; end: number } | null {
  const labels: string[] = [];
  let offset = start;
  for (;;) {
    const length = bytes[offset];
    if (length === undefined || length > 63 || offset - start > LONGEST_NAME + 1) return null;
    offset += 1;
    if (length === 0) return { name: labels.join('.'), end: offset };
    if (offset + length > bytes.length) return null;
    labels.push(bytes.toString('latin1', offset, offset + length));
    offset += length;
  }
}

/** The size that the OPT record of a query names; null without one. A query has no other records, or they don't matter. */
function readEdns(bytes: Buffer, questionEnd: number): number | null {
  const others = bytes.readUInt16BE(6) + bytes.readUInt16BE(8);
  const isOpt =
    others === 0 &&
    bytes.readUInt16BE(10) > 0 &&
    questionEnd + 11 <= bytes.length &&
    bytes[questionEnd] === 0 &&
    bytes.readUInt16BE(questionEnd + 1) === RECORD_TYPE.OPT;
  return isOpt ? bytes.readUInt16BE(questionEnd + 3) : null;
}

/** The message that answers a query, at most `limit` bytes long: what does not fit is left out and the client told so. */
export function encodeAnswer(query: DnsQuery, { code, ttlSec, records }: DnsAnswer, limit: number): Buffer {
  const opt = query.edns ? optRecord() : Buffer.alloc(0);
  const question = query.bytes.subarray(HEADER_BYTES, query.questionEnd);
  const room = limit - HEADER_BYTES - question.length - opt.length;
  const encoded: Buffer[] = [];
  let size = 0;
  for (const record of records) {
    const bytes = encodeRecord(record, ttlSec);
    if (size + bytes.length > room) break;
    encoded.push(bytes);
    size += bytes.length;
  }
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(query.id, 0);
  header.writeUInt16BE(responseFlags(query, code, encoded.length < records.length), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(encoded.length, 6);
  header.writeUInt16BE(query.edns ? 1 : 0, 10);
  return Buffer.concat([header, question, ...encoded, opt]);
}

function responseFlags({ recursionDesired }: DnsQuery, code: number, truncated: boolean): number {
  return (
    FLAG_RESPONSE |
    FLAG_RECURSION_AVAILABLE |
    (recursionDesired ? FLAG_RECURSION_DESIRED : 0) |
    (truncated ? FLAG_TRUNCATED : 0) |
    code
  );
}

/** The message for what could not be understood: a header with the code and nothing else. */
export function encodeRefusal({ id, code }: { id: number; code: number }): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(FLAG_RESPONSE | code, 2);
  return header;
}

/** An answer that came from elsewhere, as it fits into `limit` bytes: if it does not, the question alone, marked as cut short. */
export function fitAnswer(query: DnsQuery, answer: Buffer, limit: number): Buffer {
  if (answer.length <= limit) return answer;
  const short = encodeAnswer(query, { code: codeOf(answer), ttlSec: 0, records: [] }, limit);
  short.writeUInt16BE(short.readUInt16BE(2) | FLAG_TRUNCATED, 2);
  return short;
}

/** Whether a message answers the question that was sent, apart from its id. */
export function answersQuestion(query: DnsQuery, message: Buffer): boolean {
  if (message.length < HEADER_BYTES || (message.readUInt16BE(2) & FLAG_RESPONSE) === 0) return false;
  // Servers that understand nothing leave the question out.
  if (message.readUInt16BE(4) === 0) return codeOf(message) !== RCODE.noError;
  if (message.length < query.questionEnd) return false;
  const [asked, answered] = [query.bytes, message].map((one) =>
    one.toString('latin1', HEADER_BYTES, query.questionEnd),
  );
  return asked?.toLowerCase() === answered?.toLowerCase();
}

export function codeOf(message: Buffer): number {
  return (message[3] ?? 0) & 0x0f;
}

function encodeRecord(record: DnsRecord, ttlSec: number): Buffer {
  const data = record.type === RECORD_TYPE.PTR ? encodeName(record.name) : ipToBytes(record.address);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(POINTER_TO_QUESTION, 0);
  head.writeUInt16BE(record.type, 2);
  head.writeUInt16BE(CLASS_IN, 4);
  head.writeUInt32BE(ttlSec, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

/** A name as labels; labels that are too long are cut, since a container's name may be longer than DNS allows. */
export function encodeName(name: string): Buffer {
  const labels = name
    .split('.')
    .filter((label) => label !== '')
    .map((label) => Buffer.from(label, 'latin1').subarray(0, 63));
  return Buffer.concat([...labels.flatMap((label) => [Buffer.from([label.length]), label]), Buffer.alloc(1)]);
}

function optRecord(): Buffer {
  const record = Buffer.alloc(11);
  record.writeUInt16BE(RECORD_TYPE.OPT, 1);
  record.writeUInt16BE(LARGEST_UDP_BYTES, 3);
  return record;
}
