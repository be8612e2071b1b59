import { NLM_F } from '../netlink/message.js';
import type { NetlinkSocket } from '../netlink/netlink-socket.js';
import { ipToBytes } from '../sys/socket.js';
import type { PortRule } from './firewall.js';
import { dataValue, listElement, NFPROTO, NFT_MSG, type NftMessage, runBatch } from './nftables-batch.js';
import { isDirect, isWildcard, mapOf, TABLE } from './nftables-ruleset.js';

const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;

const PROTO_NUMBER = { tcp: 6, udp: 17, sctp: 132 } as const;

/** What to do with one element of a map of published ports. */
export interface ElementChange {
  action: 'add' | 'remove';
  port: PortRule;
}

/** Adds and removes elements in one transaction. Returns the error of the kernel when it refused the whole, or null. */
export function changeElements(socket: NetlinkSocket, changes: readonly ElementChange[]): Error | null {
  return runBatch(socket, changes.map(message), describe(changes));
}

function describe(changes: readonly ElementChange[]): string {
  const shown = changes
    .slice(0, 3)
    .map(({ action, port }) => `${action} ${port.hostIp}:${port.hostPort}/${port.proto}`);
  return changes.length > 3 ? `${shown.join(', ')} and ${changes.length - 3} more` : shown.join(', ');
}

function message({ action, port }: ElementChange): NftMessage {
  const add = action === 'add';
  return {
    type: add ? NFT_MSG.NEWSETELEM : NFT_MSG.DELSETELEM,
    flags: add ? NLM_F.CREATE : 0,
    family: NFPROTO.INET,
    attributes: (writer) =>
      writer
        .text(NFTA_SET_ELEM_LIST_TABLE, TABLE)
        .text(NFTA_SET_ELEM_LIST_SET, mapOf(port))
        .nested(NFTA_SET_ELEM_LIST_ELEMENTS, (list) =>
          listElement(list, (element) => {
            dataValue(element, NFTA_SET_ELEM_KEY, keyOf(port));
            if (add && !isDirect(port)) dataValue(element, NFTA_SET_ELEM_DATA, targetOf(port));
          }),
        ),
  };
}

/** Fields of a concatenation are padded to four bytes each; ports are in network order. */
function keyOf(port: PortRule): Buffer {
  if (isDirect(port)) return directKey(port);
  const address = isWildcard(port.hostIp) ? Buffer.alloc(0) : ipToBytes(port.hostIp);
  return Buffer.concat([address, Buffer.from([PROTO_NUMBER[port.proto], 0, 0, 0]), paddedPort(port.hostPort)]);
}

function directKey({ containerAddress, containerPort, proto }: PortRule): Buffer {
  return Buffer.concat([
    ipToBytes(containerAddress),
    Buffer.from([PROTO_NUMBER[proto], 0, 0, 0]),
    paddedPort(containerPort),
  ]);
}

function targetOf(port: PortRule): Buffer {
  return Buffer.concat([ipToBytes(port.containerAddress), paddedPort(port.containerPort)]);
}

function paddedPort(port: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16BE(port, 0);
  return bytes;
}
