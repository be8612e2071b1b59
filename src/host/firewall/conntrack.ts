import { hasCode } from '../../shared/errors.js';
import { AttributeWriter, decodeAttributes } from '../netlink/message.js';
import type { NetlinkSocket } from '../netlink/netlink-socket.js';

const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_GET = 1;
const IPCTNL_MSG_CT_DELETE = 2;
const CTA_TUPLE_ORIG = 1;
const CTA_FILTER = 25;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
const CTA_TUPLE_PROTO = 2;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_DST_PORT = 3;
const FILTER_PROTO_NUM = 1 << 3;
const FILTER_PROTO_DST_PORT = 1 << 5;
const NLA_F_NESTED = 0x8000;
const IPPROTO_UDP = 17;
const FAMILIES = [2, 10];

/**
 * Makes the kernel forget the UDP flows to a port of this host. A flow keeps the way it took first for as long as somebody
 * sends: without this, a client that was there before the port was published (or moved) would never reach the container.
 * TCP needs none of it, because a new connection is a new flow. Returns how many were forgotten.
 */
export function forgetUdpFlows(socket: NetlinkSocket, port: number): number {
  let count = 0;
  for (const family of FAMILIES) {
    const head = Buffer.from([family, 0, 0, 0]);
    const flows = socket.dump({
      type: (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET,
      payload: filterByPort(head, port),
      what: `list udp flows to port ${port}`,
    });
    for (const { payload } of flows) {
      const tuple = decodeAttributes(payload.subarray(4)).get(CTA_TUPLE_ORIG);
      if (tuple && forget(socket, head, tuple)) count++;
    }
  }
  return count;
}

/** Since Linux 5.8 the kernel itself leaves out what does not match. Source: linux/netfilter/nfnetlink_conntrack.h. */
function filterByPort(head: Buffer, port: number): Buffer {
  const portBytes = Buffer.alloc(2);
  portBytes.writeUInt16BE(port);
  return new AttributeWriter(head)
    .nested(CTA_TUPLE_ORIG, (tuple) =>
      tuple.nested(CTA_TUPLE_PROTO, (proto) =>
        proto.u8(CTA_PROTO_NUM, IPPROTO_UDP).bytes(CTA_PROTO_DST_PORT, portBytes),
      ),
    )
    .nested(CTA_FILTER, (filter) =>
      filter.u32(CTA_FILTER_ORIG_FLAGS, FILTER_PROTO_NUM | FILTER_PROTO_DST_PORT).u32(CTA_FILTER_REPLY_FLAGS, 0),
    )
    .finish();
}

function forget(socket: NetlinkSocket, head: Buffer, tuple: Buffer): boolean {
  const payload = new AttributeWriter(head).bytes(CTA_TUPLE_ORIG | NLA_F_NESTED, tuple).finish();
  const type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE;
  try {
    socket.request({ type, flags: 0, payload, what: 'forget a udp flow' });
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}
