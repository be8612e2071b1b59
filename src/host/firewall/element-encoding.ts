import { ipToBytes } from '../sys/socket.js';
import type { KeyField, SetMember } from './bridge-members.js';
import type { PortRule } from './firewall.js';
import { isDirect, isWildcard, mapOf } from './nftables-ruleset.js';

/** An element of a set or a map as the kernel takes it. Fields are in network order, each padded to four bytes. */
export interface EncodedElement {
  set: string;
  key: Buffer;
  /** The last key of a range; without it the element is its key only. */
  keyEnd?: Buffer;
  /** What a map has there. */
  value?: Buffer;
}

const PROTO_NUMBER = { tcp: 6, udp: 17, sctp: 132 } as const;
const IFNAMSIZ = 16;

export function encodePort(port: PortRule): EncodedElement {
  const { containerAddress, containerPort, proto, hostIp, hostPort } = port;
  const set = mapOf(port);
  const protocol = Buffer.from([PROTO_NUMBER[proto], 0, 0, 0]);
  const target = [ipToBytes(containerAddress), paddedPort(containerPort)] as const;
  if (isDirect(port)) return { set, key: Buffer.concat([target[0], protocol, target[1]]) };
  const address = isWildcard(hostIp) ? Buffer.alloc(0) : ipToBytes(hostIp);
  return { set, key: Buffer.concat([address, protocol, paddedPort(hostPort)]), value: Buffer.concat(target) };
}

export function encodeMember({ set, key, value }: SetMember): EncodedElement {
  const fields = key.map(encodeField);
  const isRange = key.some(({ kind }) => kind !== 'interface');
  return {
    set,
    key: Buffer.concat(fields.map(({ first }) => first)),
    ...(isRange ? { keyEnd: Buffer.concat(fields.map(({ last }) => last)) } : {}),
    ...(value === undefined ? {} : { value: ipToBytes(value) }),
  };
}

function encodeField(field: KeyField): { first: Buffer; last: Buffer } {
  switch (field.kind) {
    case 'interface': {
      const name = Buffer.alloc(IFNAMSIZ);
      name.write(field.name);
      return { first: name, last: name };
    }
    case 'block':
      return encodeBlock(field.block);
    case 'any-protocol':
      return { first: Buffer.alloc(4), last: Buffer.from([255, 0, 0, 0]) };
  }
}

function encodeBlock(block: string): { first: Buffer; last: Buffer } {
  const [address = '', length = ''] = block.split('/');
  const first = ipToBytes(address);
  const last = Buffer.from(first);
  first.forEach((byte, index) => {
    const hostBits = Math.min(8, Math.max(0, (index + 1) * 8 - Number(length)));
    const mask = (1 << hostBits) - 1;
    first[index] = byte & ~mask;
    last[index] = byte | mask;
  });
  return { first, last };
}

function paddedPort(port: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16BE(port, 0);
  return bytes;
}
