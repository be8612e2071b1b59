import { ipFromBytes, ipToBytes } from '../sys/socket.js';
import type { NetlinkRequest } from './message.js';
import { AttributeWriter, decodeAttributes, NLM_F } from './message.js';
import type { RouteSocket } from './route-socket.js';

const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const AF_INET = 2;
const AF_INET6 = 10;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_F_NODAD = 2;

export interface InterfaceAddress {
  /** Index of the link. */
  link: number;
  address: string;
  prefixLength: number;
}

/** struct ifaddrmsg. Duplicate address detection is off: a container's program must be able to bind to its address at once. */
function head(link: number, prefixLength: number, v6: boolean): Buffer {
  const buffer = Buffer.alloc(8);
  buffer[0] = v6 ? AF_INET6 : AF_INET;
  buffer[1] = prefixLength;
  buffer[2] = v6 ? IFA_F_NODAD : 0;
  buffer.writeUInt32LE(link, 4);
  return buffer;
}

/** Gives a link an address; with IPv4 the broadcast address of its subnet too. Throws EEXIST. */
export function addAddress({ link, address, prefixLength }: InterfaceAddress): NetlinkRequest {
  const bytes = ipToBytes(address);
  const v6 = bytes.length === 16;
  const payload = new AttributeWriter(head(link, prefixLength, v6)).bytes(IFA_LOCAL, bytes).bytes(IFA_ADDRESS, bytes);
  if (!v6 && prefixLength < 31) payload.bytes(IFA_BROADCAST, broadcastOf(bytes, prefixLength));
  const what = `add address ${address}/${prefixLength}`;
  return { type: RTM_NEWADDR, flags: NLM_F.CREATE | NLM_F.EXCL, payload: payload.finish(), what };
}

/** Takes an address from a link. Throws EADDRNOTAVAIL. */
export function deleteAddress({ link, address, prefixLength }: InterfaceAddress): NetlinkRequest {
  const bytes = ipToBytes(address);
  const payload = new AttributeWriter(head(link, prefixLength, bytes.length === 16)).bytes(IFA_LOCAL, bytes).finish();
  return { type: RTM_DELADDR, flags: 0, payload, what: `delete address ${address}/${prefixLength}` };
}

/** All addresses of the socket's namespace. */
export function listAddresses(socket: RouteSocket): InterfaceAddress[] {
  return socket.dump({ type: RTM_GETADDR, payload: Buffer.alloc(8), what: 'list addresses' }).map(({ payload }) => {
    const attributes = decodeAttributes(payload.subarray(8));
    return {
      link: payload.readUInt32LE(4),
      address: ipFromBytes(attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS) ?? Buffer.alloc(4)),
      prefixLength: payload[1] ?? 0,
    };
  });
}

function broadcastOf(address: Buffer, prefixLength: number): Buffer {
  const result = Buffer.alloc(4);
  result.writeUInt32BE((address.readUInt32BE(0) | (0xffff_ffff >>> prefixLength)) >>> 0);
  return result;
}
