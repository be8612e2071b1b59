import type { NetlinkMessage, NetlinkRequest } from './message.js';
import { attributeText, AttributeWriter, decodeAttributes, NLM_F } from './message.js';
import type { RouteSocket } from './route-socket.js';

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const IFF_UP = 1;
const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  LINK: 5,
  MASTER: 10,
  LINKINFO: 18,
  GROUP: 27,
  NET_NS_FD: 28,
  EXT_MASK: 29,
  LINK_NETNSID: 37,
  GSO_IPV4_MAX_SIZE: 63,
} as const;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const VETH_INFO_PEER = 1;
/** The kernel refuses to look for longer ones. */
const LONGEST_NAME = 15;
const IFLA_BRPORT_MODE = 4;
const IFLA_BRPORT_ISOLATED = 33;

/** A network interface. */
export interface Link {
  index: number;
  name: string;
  up: boolean;
  mtu: number;
  /** `02:42:ac:11:00:02`; '' when it has none. */
  macAddress: string;
  /** Index of the bridge that it belongs to; 0 if none. */
  master: number;
  /** `bridge`, `veth`, `dummy`, …; '' for hardware. */
  kind: string;
  /** A number that programs mark links with; 0 unless somebody did. */
  group: number;
  /** Bytes of the largest IPv4 packet that TCP hands over to it; 0 where the kernel tells none (before Linux 6.3). */
  burst: number;
}

/** What the kernel allows `burst` to be at most, for a pair; 65,536 unless asked for. */
export const LARGEST_BURST = 524_280;

/** What can be set on a link; what is left out stays. */
export interface LinkSettings {
  name?: string;
  up?: boolean;
  mtu?: number;
  macAddress?: string;
  /** 0 takes it out of its bridge. */
  master?: number;
  /** An open file of the namespace to move it to. */
  netnsFd?: number;
  /** A number that `deleteGroup` finds it by. */
  group?: number;
  burst?: number;
}

export interface VethSettings {
  name: string;
  mtu: number;
  /** Of the host's end. */
  burst?: number;
  /** Index of the bridge that the host's end joins. */
  master: number;
  peer: {
    name: string;
    macAddress: string;
    /** An open file of the namespace that the peer is born in. */
    netnsFd: number;
    /** The peer's index in there; 0: any. */
    index: number;
    burst?: number;
  };
}

/** A link that lies on another one. */
export interface StackedLinkSettings extends LinkSettings {
  name: string;
  /** Index of the link below it, here. */
  parent: number;
  /** Its own index, where it is born; 0: any. */
  index?: number;
  group?: number;
}

/** `02:42:…` as bytes. */
export function macToBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll(':', ''), 'hex');
}

export function macFromBytes(bytes: Buffer): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** struct ifinfomsg */
function head(index: number, up?: boolean): Buffer {
  const buffer = Buffer.alloc(16);
  buffer.writeInt32LE(index, 4);
  buffer.writeUInt32LE(up ? IFF_UP : 0, 8);
  buffer.writeUInt32LE(up === undefined ? 0 : IFF_UP, 12);
  return buffer;
}

function withSettings(writer: AttributeWriter, settings: LinkSettings): AttributeWriter {
  if (settings.name !== undefined) writer.text(IFLA.IFNAME, settings.name);
  if (settings.mtu !== undefined) writer.u32(IFLA.MTU, settings.mtu);
  if (settings.macAddress !== undefined) writer.bytes(IFLA.ADDRESS, macToBytes(settings.macAddress));
  if (settings.master !== undefined) writer.u32(IFLA.MASTER, settings.master);
  if (settings.netnsFd !== undefined) writer.u32(IFLA.NET_NS_FD, settings.netnsFd);
  if (settings.group !== undefined) writer.u32(IFLA.GROUP, settings.group);
  if (settings.burst !== undefined) writer.u32(IFLA.GSO_IPV4_MAX_SIZE, settings.burst);
  return writer;
}

/** Makes a bridge or a dummy, up if asked for. Throws EEXIST. */
export function createLink(kind: 'bridge' | 'dummy', settings: LinkSettings & { name: string }): NetlinkRequest {
  const payload = withSettings(new AttributeWriter(head(0, settings.up)), settings).nested(IFLA.LINKINFO, (info) =>
    info.text(IFLA_INFO_KIND, kind),
  );
  return newLink(payload, NLM_F.CREATE | NLM_F.EXCL, `create ${kind} ${settings.name}`);
}

/**
 * Makes a pair of interfaces: one on a bridge here, up, and one in another namespace, down (the kernel refuses to open it
 * before it is paired). Throws EEXIST.
 */
export function createVeth({ name, mtu, burst, master, peer }: VethSettings): NetlinkRequest {
  const { index, ...rest } = peer;
  const payload = withSettings(new AttributeWriter(head(0, true)), { name, mtu, burst, master }).nested(
    IFLA.LINKINFO,
    (info) =>
      info
        .text(IFLA_INFO_KIND, 'veth')
        .nested(IFLA_INFO_DATA, (data) =>
          data.nested(VETH_INFO_PEER, (inner) => withSettings(inner, { ...rest, mtu }), head(index)),
        ),
  );
  return newLink(payload, NLM_F.CREATE | NLM_F.EXCL, `create veth ${name}`);
}

/**
 * Makes a link on another one, here or in the namespace of `netnsFd`; `fill` writes what only its kind has. Throws EEXIST, ENODEV when the
 * link below is gone, EOPNOTSUPP where the kernel does not know the kind.
 */
export function createStackedLink(
  kind: string,
  settings: StackedLinkSettings,
  fill: (data: AttributeWriter) => unknown,
): NetlinkRequest {
  const payload = withSettings(new AttributeWriter(head(settings.index ?? 0, settings.up)), settings)
    .u32(IFLA.LINK, settings.parent)
    .u32(IFLA.GROUP, settings.group ?? 0)
    .nested(IFLA.LINKINFO, (info) => info.text(IFLA_INFO_KIND, kind).nested(IFLA_INFO_DATA, fill));
  return newLink(payload, NLM_F.CREATE | NLM_F.EXCL, `create ${kind} ${settings.name}`);
}

/** Changes a link, given by index or name. Throws ENODEV. */
export function setLink(link: number | string, settings: LinkSettings): NetlinkRequest {
  return newLink(withSettings(addressed(link, settings.up), settings), 0, `set link ${link}`);
}

/**
 * Changes how a bridge treats one of its ports, given by index or name: isolated ports reach only ports that are not; a
 * hairpin port gets frames back that it sent. Throws ENODEV.
 */
export function setBridgePort(link: number | string, port: { hairpin?: boolean; isolated?: boolean }): NetlinkRequest {
  const payload = addressed(link).nested(IFLA.LINKINFO, (info) =>
    info.text(IFLA_INFO_SLAVE_KIND, 'bridge').nested(IFLA_INFO_SLAVE_DATA, (data) => {
      if (port.hairpin !== undefined) data.u8(IFLA_BRPORT_MODE, Number(port.hairpin));
      if (port.isolated !== undefined) data.u8(IFLA_BRPORT_ISOLATED, Number(port.isolated));
    }),
  );
  return newLink(payload, 0, `set bridge port ${link}`);
}

function addressed(link: number | string, up?: boolean): AttributeWriter {
  if (typeof link === 'number') return new AttributeWriter(head(link, up));
  return new AttributeWriter(head(0, up)).text(IFLA.IFNAME, link);
}

function newLink(payload: AttributeWriter, flags: number, what: string): NetlinkRequest {
  return { type: RTM_NEWLINK, flags, payload: payload.finish(), what };
}

/** Removes a link; of a veth pair both ends go. Throws ENODEV. */
export function deleteLink(name: string): NetlinkRequest {
  const payload = new AttributeWriter(head(0)).text(IFLA.IFNAME, name).finish();
  return { type: RTM_DELLINK, flags: 0, payload, what: `delete link ${name}` };
}

/** Removes all links of a group, which takes no longer than one. Throws ENODEV when there is none. */
export function deleteGroup(group: number): NetlinkRequest {
  const payload = new AttributeWriter(head(0)).u32(IFLA.GROUP, group).finish();
  return { type: RTM_DELLINK, flags: 0, payload, what: `delete links of group ${group}` };
}

/** All links of the socket's namespace. */
export function listLinks(socket: RouteSocket): Link[] {
  return socket.dump({ type: RTM_GETLINK, payload: head(0), what: 'list links' }).map(decodeLink);
}

/** The link of that name, or null. */
export function findLink(socket: RouteSocket, name: string): Link | null {
  if (Buffer.byteLength(name) > LONGEST_NAME) return null;
  const payload = new AttributeWriter(head(0)).text(IFLA.IFNAME, name).finish();
  try {
    return decodeLink(socket.get({ type: RTM_GETLINK, payload, what: `find link ${name}` }));
  } catch (error) {
    if ((error as { code?: string }).code === 'ENODEV') return null;
    throw error;
  }
}

function decodeLink({ payload }: NetlinkMessage): Link {
  const attributes = decodeAttributes(payload.subarray(16));
  const info = decodeAttributes(attributes.get(IFLA.LINKINFO) ?? Buffer.alloc(0));
  return {
    index: payload.readInt32LE(4),
    name: attributeText(attributes.get(IFLA.IFNAME)),
    up: (payload.readUInt32LE(8) & IFF_UP) !== 0,
    mtu: attributes.get(IFLA.MTU)?.readUInt32LE(0) ?? 0,
    macAddress: macFromBytes(attributes.get(IFLA.ADDRESS) ?? Buffer.alloc(0)),
    master: attributes.get(IFLA.MASTER)?.readUInt32LE(0) ?? 0,
    kind: attributeText(info.get(IFLA_INFO_KIND)),
    group: attributes.get(IFLA.GROUP)?.readUInt32LE(0) ?? 0,
    burst: attributes.get(IFLA.GSO_IPV4_MAX_SIZE)?.readUInt32LE(0) ?? 0,
  };
}
