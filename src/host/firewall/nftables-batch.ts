import { AttributeWriter, encodeMessage, NLM_F } from '../netlink/message.js';
import type { NetlinkSocket } from '../netlink/netlink-socket.js';

const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFNL_SUBSYS_NFTABLES = 10;

/** Kinds of messages. Source: linux/netfilter/nf_tables.h. */
export const NFT_MSG = { NEWTABLE: 0, DELTABLE: 2, NEWCHAIN: 3, NEWRULE: 6, NEWSETELEM: 12, DELSETELEM: 14 } as const;
export const NFPROTO = { INET: 1, IPV4: 2, IPV6: 10 } as const;
const NFTA_LIST_ELEM = 1;
const NFTA_DATA_VALUE = 1;

/** One step of a transaction. */
export interface NftMessage {
  type: number;
  /** Further flags than REQUEST: CREATE to make something. */
  flags: number;
  family: number;
  attributes: (writer: AttributeWriter) => unknown;
}

/**
 * Carries out messages as one transaction, in process: about 50 µs where a run of nft takes 5 ms. Returns the error of the
 * kernel when it refused the whole, or null. `what` is for the error's text. Source: nft --debug=netlink.
 */
export function runBatch(socket: NetlinkSocket, messages: readonly NftMessage[], what: string): Error | null {
  return socket.transact((nextSequence) => {
    const begin = batchMarker(NFNL_MSG_BATCH_BEGIN, nextSequence());
    let acknowledged = 0;
    const encoded = messages.map((message, index) => {
      acknowledged = nextSequence();
      return encode(message, acknowledged, index === messages.length - 1);
    });
    const end = batchMarker(NFNL_MSG_BATCH_END, nextSequence());
    return { data: Buffer.concat([begin, ...encoded, end]), acknowledged, what };
  });
}

function batchMarker(type: number, sequence: number): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(NFNL_SUBSYS_NFTABLES, 2);
  return encodeMessage(type, NLM_F.REQUEST, sequence, head);
}

function encode({ type, flags, family, attributes }: NftMessage, sequence: number, acknowledge: boolean): Buffer {
  const writer = new AttributeWriter(Buffer.from([family, 0, 0, 0]));
  attributes(writer);
  const all = flags | NLM_F.REQUEST | (acknowledge ? NLM_F.ACK : 0);
  return encodeMessage((NFNL_SUBSYS_NFTABLES << 8) | type, all, sequence, writer.finish());
}

/** Appends a list element to a nested list. */
export function listElement(list: AttributeWriter, fill: (element: AttributeWriter) => unknown): AttributeWriter {
  return list.nested(NFTA_LIST_ELEM, fill);
}

/** Appends a value: bytes in network order. */
export function dataValue(writer: AttributeWriter, type: number, bytes: Buffer): AttributeWriter {
  return writer.nested(type, (data) => data.bytes(NFTA_DATA_VALUE, bytes));
}
