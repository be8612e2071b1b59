/** Flags of a request. Source: netlink(7). */
export const NLM_F = {
  REQUEST: 1,
  ACK: 4,
  DUMP: 0x300,
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
  APPEND: 0x800,
} as const;

export const NLMSG_HEADER_BYTES = 16;
const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;

const aligned = (length: number): number => (length + 3) & ~3;

/** Writes attributes, each padded to four bytes. Numbers are in the host's order (little-endian) unless the name says so. */
export class AttributeWriter {
  private buffer = Buffer.alloc(256);
  private length = 0;

  constructor(head?: Buffer) {
    if (head) this.raw(head);
  }

  /** Appends bytes that are no attribute: the fixed head of a nested message. */
  raw(bytes: Buffer): this {
    this.reserve(aligned(bytes.length));
    bytes.copy(this.buffer, this.length);
    this.length += aligned(bytes.length);
    return this;
  }

  bytes(type: number, value: Buffer): this {
    const header = Buffer.alloc(4);
    header.writeUInt16LE(4 + value.length, 0);
    header.writeUInt16LE(type, 2);
    return this.raw(header).raw(value);
  }

  u8(type: number, value: number): this {
    return this.bytes(type, Buffer.from([value]));
  }

  u16(type: number, value: number): this {
    const bytes = Buffer.alloc(2);
    bytes.writeUInt16LE(value);
    return this.bytes(type, bytes);
  }

  u32(type: number, value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value >>> 0);
    return this.bytes(type, bytes);
  }

  u32be(type: number, value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value >>> 0);
    return this.bytes(type, bytes);
  }

  /** Text with its terminating NUL. */
  text(type: number, value: string): this {
    return this.bytes(type, Buffer.from(`${value}\0`));
  }

  nested(type: number, fill: (inner: AttributeWriter) => unknown, head?: Buffer): this {
    const inner = new AttributeWriter(head);
    fill(inner);
    return this.bytes(type | NLA_F_NESTED, inner.finish());
  }

  finish(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  private reserve(more: number): void {
    if (this.length + more <= this.buffer.length) return;
    const grown = Buffer.alloc(Math.max(this.buffer.length * 2, this.length + more));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }
}

/** A message to the kernel without its sequence number, which the socket gives it. */
export interface NetlinkRequest {
  type: number;
  flags: number;
  /** The fixed head of the family with all attributes. */
  payload: Buffer;
  /** What is being done, for the error text: `create veth1234567`. */
  what: string;
}

/** Encodes one message with its header. */
export function encodeMessage(type: number, flags: number, sequence: number, payload: Buffer): Buffer {
  const length = NLMSG_HEADER_BYTES + payload.length;
  const message = Buffer.alloc(aligned(length));
  message.writeUInt32LE(length, 0);
  message.writeUInt16LE(type, 4);
  message.writeUInt16LE(flags, 6);
  message.writeUInt32LE(sequence, 8);
  payload.copy(message, NLMSG_HEADER_BYTES);
  return message;
}

/** A message from the kernel. */
export interface NetlinkMessage {
  type: number;
  flags: number;
  sequence: number;
  payload: Buffer;
}

/** Splits what one recv gave into messages. The payloads are views of it. */
export function decodeMessages(data: Buffer): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  for (let offset = 0; offset + NLMSG_HEADER_BYTES <= data.length;) {
    const length = data.readUInt32LE(offset);
    if (length < NLMSG_HEADER_BYTES || offset + length > data.length) break;
    messages.push({
      type: data.readUInt16LE(offset + 4),
      flags: data.readUInt16LE(offset + 6),
      sequence: data.readUInt32LE(offset + 8),
      payload: data.subarray(offset + NLMSG_HEADER_BYTES, offset + length),
    });
    offset += aligned(length);
  }
  return messages;
}

/** Attributes by type; flags of the type are cut off. A repeated type keeps its last value. */
export type Attributes = ReadonlyMap<number, Buffer>;

export function decodeAttributes(data: Buffer): Attributes {
  return new Map(decodeAttributeList(data));
}

/** Attributes in their order, for lists whose elements all have one type. */
export function decodeAttributeList(data: Buffer): [number, Buffer][] {
  const list: [number, Buffer][] = [];
  for (let offset = 0; offset + 4 <= data.length;) {
    const length = data.readUInt16LE(offset);
    if (length < 4 || offset + length > data.length) break;
    list.push([data.readUInt16LE(offset + 2) & NLA_TYPE_MASK, data.subarray(offset + 4, offset + length)]);
    offset += aligned(length);
  }
  return list;
}

/** The text of an attribute without its NUL; '' when it is missing. */
export function attributeText(value: Buffer | undefined): string {
  if (!value) return '';
  const end = value.indexOf(0);
  return value.toString('utf8', 0, end < 0 ? value.length : end);
}
