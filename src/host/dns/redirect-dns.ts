import { type AttributeWriter, NLM_F } from '../netlink/message.js';
import type { NetlinkSocket } from '../netlink/netlink-socket.js';
import { dataValue, listElement, NFPROTO, NFT_MSG, type NftMessage, runBatch } from '../firewall/nftables-batch.js';
import { ipToBytes } from '../sys/socket.js';
import { DNS_ADDRESS } from './dns-sockets.js';

const TABLE = 'wharfd-dns';
const CHAIN = 'output';
const SILENCE_CHAIN = 'silence';
const DNS_PORT = 53;
const PROTO = { icmp: 1, udp: 17, tcp: 6 } as const;
const ICMP_UNREACHABLE = 3;

const NFTA_TABLE_NAME = 1;
const NFTA_CHAIN = { TABLE: 1, NAME: 3, HOOK: 4, TYPE: 7 } as const;
const NFTA_HOOK = { NUMBER: 1, PRIORITY: 2 } as const;
const NFTA_RULE = { TABLE: 1, CHAIN: 2, EXPRESSIONS: 4 } as const;
const NFTA_EXPR = { NAME: 1, DATA: 2 } as const;
const NFTA_PAYLOAD = { REGISTER: 1, BASE: 2, OFFSET: 3, LENGTH: 4 } as const;
const NFTA_META = { REGISTER: 1, KEY: 2 } as const;
const NFTA_CMP = { REGISTER: 1, OPERATION: 2, DATA: 3 } as const;
const NFTA_IMMEDIATE = { REGISTER: 1, DATA: 2 } as const;
const NFTA_VERDICT_CODE = 1;
const NFTA_DATA_VERDICT = 2;
const NFTA_NAT = { TYPE: 1, FAMILY: 2, ADDRESS: 3, PORT: 5 } as const;
const NF_INET_LOCAL_OUT = 3;
const PRIORITY_NAT_DST = -100;
const PRIORITY_FILTER = 0;
const NF_DROP = 0;
const NETWORK_HEADER = 1;
const TRANSPORT_HEADER = 2;
const META_L4PROTO = 16;
const EQUAL = 0;
const DNAT = 1;
/** Registers of 16 bytes, and that of the verdict. */
const [FIRST, SECOND, VERDICT] = [1, 2, 0];

/**
 * Leads what a namespace's programs send to 127.0.0.11, port 53, to the resolver's ports. `socket` is a netfilter socket in
 * the namespace; unless that is new, what was there of ours is replaced. Port 53 itself stays free for the container's own
 * programs. While there is no daemon, questions over UDP are not refused but lost, as on a wire: programs ask again then, when the
 * next daemon is there. Throws where the kernel can't translate addresses with nftables.
 */
export function redirectDns(
  socket: NetlinkSocket,
  ports: { udpPort: number; tcpPort: number },
  isNewNamespace: boolean,
): void {
  const table = (type: number): NftMessage => ipMessage(type, (writer) => writer.text(NFTA_TABLE_NAME, TABLE));
  // Deleting what is not there would fail, so it is made first.
  const clean = isNewNamespace ? [] : [table(NFT_MSG.NEWTABLE), table(NFT_MSG.DELTABLE)];
  const error = runBatch(
    socket,
    [
      ...clean,
      table(NFT_MSG.NEWTABLE),
      chain(CHAIN, 'nat', PRIORITY_NAT_DST),
      redirect('udp', ports.udpPort),
      redirect('tcp', ports.tcpPort),
      chain(SILENCE_CHAIN, 'filter', PRIORITY_FILTER),
      dropRefusals(),
    ],
    `redirect ${DNS_ADDRESS}`,
  );
  if (error) throw error;
}

function ipMessage(type: number, attributes: NftMessage['attributes']): NftMessage {
  return { type, flags: type === NFT_MSG.DELTABLE ? 0 : NLM_F.CREATE, family: NFPROTO.IPV4, attributes };
}

/** A chain that what the namespace sends comes through. */
function chain(name: string, type: 'nat' | 'filter', priority: number): NftMessage {
  return ipMessage(NFT_MSG.NEWCHAIN, (writer) =>
    writer
      .text(NFTA_CHAIN.TABLE, TABLE)
      .text(NFTA_CHAIN.NAME, name)
      .nested(NFTA_CHAIN.HOOK, (hook) =>
        hook.u32be(NFTA_HOOK.NUMBER, NF_INET_LOCAL_OUT).u32be(NFTA_HOOK.PRIORITY, priority),
      )
      .text(NFTA_CHAIN.TYPE, type),
  );
}

/** `ip daddr 127.0.0.11 meta l4proto <proto> th dport 53 dnat to 127.0.0.11:<port>` */
function redirect(proto: 'udp' | 'tcp', port: number): NftMessage {
  return rule(CHAIN, (list) => {
    loadPayload(list, NETWORK_HEADER, 16, 4);
    compare(list, ipToBytes(DNS_ADDRESS));
    compareProtocol(list, proto);
    loadPayload(list, TRANSPORT_HEADER, 2, 2);
    compare(list, portBytes(DNS_PORT));
    immediate(list, FIRST, ipToBytes(DNS_ADDRESS));
    immediate(list, SECOND, portBytes(port));
    expression(list, 'nat', (data) =>
      data
        .u32be(NFTA_NAT.TYPE, DNAT)
        .u32be(NFTA_NAT.FAMILY, NFPROTO.IPV4)
        .u32be(NFTA_NAT.ADDRESS, FIRST)
        .u32be(NFTA_NAT.PORT, SECOND),
    );
  });
}

/** `ip saddr 127.0.0.11 icmp type destination-unreachable drop` */
function dropRefusals(): NftMessage {
  return rule(SILENCE_CHAIN, (list) => {
    loadPayload(list, NETWORK_HEADER, 12, 4);
    compare(list, ipToBytes(DNS_ADDRESS));
    compareProtocol(list, 'icmp');
    loadPayload(list, TRANSPORT_HEADER, 0, 1);
    compare(list, Buffer.from([ICMP_UNREACHABLE]));
    expression(list, 'immediate', (data) =>
      data
        .u32be(NFTA_IMMEDIATE.REGISTER, VERDICT)
        .nested(NFTA_IMMEDIATE.DATA, (value) =>
          value.nested(NFTA_DATA_VERDICT, (verdict) => verdict.u32be(NFTA_VERDICT_CODE, NF_DROP)),
        ),
    );
  });
}

function rule(chainName: string, expressions: (list: AttributeWriter) => unknown): NftMessage {
  return {
    ...ipMessage(NFT_MSG.NEWRULE, (writer) =>
      writer.text(NFTA_RULE.TABLE, TABLE).text(NFTA_RULE.CHAIN, chainName).nested(NFTA_RULE.EXPRESSIONS, expressions),
    ),
    flags: NLM_F.CREATE | NLM_F.APPEND,
  };
}

function expression(list: AttributeWriter, name: string, fill: (data: AttributeWriter) => unknown): void {
  listElement(list, (element) => element.text(NFTA_EXPR.NAME, name).nested(NFTA_EXPR.DATA, fill));
}

function loadPayload(list: AttributeWriter, base: number, offset: number, length: number): void {
  expression(list, 'payload', (data) =>
    data
      .u32be(NFTA_PAYLOAD.REGISTER, FIRST)
      .u32be(NFTA_PAYLOAD.BASE, base)
      .u32be(NFTA_PAYLOAD.OFFSET, offset)
      .u32be(NFTA_PAYLOAD.LENGTH, length),
  );
}

function compareProtocol(list: AttributeWriter, proto: keyof typeof PROTO): void {
  expression(list, 'meta', (data) => data.u32be(NFTA_META.REGISTER, FIRST).u32be(NFTA_META.KEY, META_L4PROTO));
  compare(list, Buffer.from([PROTO[proto]]));
}

function compare(list: AttributeWriter, value: Buffer): void {
  expression(list, 'cmp', (data) =>
    dataValue(data.u32be(NFTA_CMP.REGISTER, FIRST).u32be(NFTA_CMP.OPERATION, EQUAL), NFTA_CMP.DATA, value),
  );
}

function immediate(list: AttributeWriter, register: number, value: Buffer): void {
  expression(list, 'immediate', (data) =>
    dataValue(data.u32be(NFTA_IMMEDIATE.REGISTER, register), NFTA_IMMEDIATE.DATA, value),
  );
}

function portBytes(port: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(port);
  return bytes;
}
