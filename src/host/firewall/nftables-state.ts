import { createHash } from 'node:crypto';
import { attributeText, AttributeWriter, decodeAttributeList, decodeAttributes } from '../netlink/message.js';
import type { NetlinkSocket } from '../netlink/netlink-socket.js';
import { hasCode } from '../../shared/errors.js';
import { NFPROTO } from './nftables-batch.js';

const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_GETCHAIN = 4;
const NFT_MSG_GETRULE = 7;
const NFT_MSG_GETSETELEM = 13;
const NFT_MSG_GETGEN = 16;
const NFTA_GEN_ID = 1;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_POLICY = 5;
const NF_DROP = 0;
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFGENMSG_BYTES = 4;

const messageType = (type: number): number => (NFNL_SUBSYS_NFTABLES << 8) | type;
const head = (family: number): Buffer => Buffer.from([family, 0, 0, 0]);

/** The number of changes that this namespace's nftables have seen, of anybody. One question to the kernel, some 10 µs. */
export function generation(socket: NetlinkSocket): number {
  const { payload } = socket.get({ type: messageType(NFT_MSG_GETGEN), payload: head(0), what: 'get generation' });
  return decodeAttributes(payload.subarray(NFGENMSG_BYTES)).get(NFTA_GEN_ID)?.readUInt32BE(0) ?? 0;
}

/** The chain of that name: whether it drops what no rule decides about. null: there is none. */
export function findChain(
  socket: NetlinkSocket,
  family: number,
  table: string,
  chain: string,
): { drops: boolean } | null {
  const payload = new AttributeWriter(head(family)).text(NFTA_CHAIN_TABLE, table).text(NFTA_CHAIN_NAME, chain).finish();
  try {
    const found = socket.get({ type: messageType(NFT_MSG_GETCHAIN), payload, what: `find chain ${chain}` });
    const policy = decodeAttributes(found.payload.subarray(NFGENMSG_BYTES)).get(NFTA_CHAIN_POLICY);
    return { drops: policy?.readUInt32BE(0) === NF_DROP };
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'EAFNOSUPPORT', 'EOPNOTSUPP')) return null;
    throw error;
  }
}

/** The rules of a table: by chain, what tells them from all others. A table that is not there has none. */
export function rulesOf(socket: NetlinkSocket, table: string): Map<string, string> {
  const payload = new AttributeWriter(head(NFPROTO.INET)).text(NFTA_RULE_TABLE, table).finish();
  const hashes = new Map<string, ReturnType<typeof createHash>>();
  for (const rule of dump(socket, NFT_MSG_GETRULE, payload)) {
    const attributes = decodeAttributes(rule.subarray(NFGENMSG_BYTES));
    if (attributeText(attributes.get(NFTA_RULE_TABLE)) !== table) continue;
    const chain = attributeText(attributes.get(NFTA_RULE_CHAIN));
    const hash = hashes.get(chain) ?? createHash('sha1');
    // The head holds the generation.
    hashes.set(chain, hash.update(rule.subarray(NFGENMSG_BYTES)));
  }
  return new Map([...hashes].map(([chain, hash]) => [chain, hash.digest('hex')]));
}

/** How many elements a set or map has; one that is not there has none. */
export function elementCount(socket: NetlinkSocket, table: string, set: string): number {
  const payload = new AttributeWriter(head(NFPROTO.INET))
    .text(NFTA_SET_ELEM_LIST_TABLE, table)
    .text(NFTA_SET_ELEM_LIST_SET, set)
    .finish();
  return dump(socket, NFT_MSG_GETSETELEM, payload)
    .map((message) => decodeAttributes(message.subarray(NFGENMSG_BYTES)).get(NFTA_SET_ELEM_LIST_ELEMENTS))
    .reduce((sum, list) => sum + (list ? decodeAttributeList(list).length : 0), 0);
}

function dump(socket: NetlinkSocket, type: number, payload: Buffer): Buffer[] {
  try {
    return socket.dump({ type: messageType(type), payload, what: 'list nftables' }).map((message) => message.payload);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
