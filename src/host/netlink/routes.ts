import { ipFromBytes, ipToBytes } from '../sys/socket.js';
import type { NetlinkRequest } from './message.js';
import { AttributeWriter, decodeAttributes, NLM_F } from './message.js';
import type { RouteSocket } from './route-socket.js';

const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const AF_INET = 2;
const AF_INET6 = 10;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_TABLE = 15;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;

export interface Route {
  /** null: the default route. */
  destination: { address: string; prefixLength: number } | null;
  /** null: on the link itself. */
  gateway: string | null;
  /** Index of the link. */
  link: number;
}

function encode(route: Route, v6: boolean): Buffer {
  const head = Buffer.alloc(12);
  head[0] = v6 ? AF_INET6 : AF_INET;
  head[1] = route.destination?.prefixLength ?? 0;
  head[4] = RT_TABLE_MAIN;
  head[5] = RTPROT_BOOT;
  head[6] = route.gateway === null && !v6 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  head[7] = RTN_UNICAST;
  const writer = new AttributeWriter(head);
  if (route.destination) writer.bytes(RTA_DST, ipToBytes(route.destination.address));
  if (route.gateway !== null) writer.bytes(RTA_GATEWAY, ipToBytes(route.gateway));
  return writer.u32(RTA_OIF, route.link).finish();
}

const describe = (route: Route): string =>
  `${route.destination ? `${route.destination.address}/${route.destination.prefixLength}` : 'default'} via ${route.gateway ?? route.link}`;

/** Adds a route to the main table; `v6` decides where neither destination nor gateway does. Throws EEXIST, ENETUNREACH. */
export function addRoute(route: Route, v6 = isV6(route)): NetlinkRequest {
  const flags = NLM_F.CREATE | NLM_F.EXCL;
  return { type: RTM_NEWROUTE, flags, payload: encode(route, v6), what: `add route ${describe(route)}` };
}

/** Adds a route, or puts it in the place of the one to the same destination. Throws ENETUNREACH. */
export function replaceRoute(route: Route, v6 = isV6(route)): NetlinkRequest {
  const flags = NLM_F.CREATE | NLM_F.REPLACE;
  return { type: RTM_NEWROUTE, flags, payload: encode(route, v6), what: `replace route ${describe(route)}` };
}

/** Throws ESRCH when there is no such route. */
export function deleteRoute(route: Route, v6 = isV6(route)): NetlinkRequest {
  return { type: RTM_DELROUTE, flags: 0, payload: encode(route, v6), what: `delete route ${describe(route)}` };
}

/** The unicast routes of the main tables of the socket's namespace, IPv4 then IPv6. */
export function listRoutes(socket: RouteSocket): Route[] {
  return [AF_INET, AF_INET6].flatMap((family) => {
    const head = Buffer.alloc(12);
    head[0] = family;
    return socket.dump({ type: RTM_GETROUTE, payload: head, what: 'list routes' }).flatMap(({ payload }) => {
      const attributes = decodeAttributes(payload.subarray(12));
      const table = attributes.get(RTA_TABLE)?.readUInt32LE(0) ?? payload[4];
      if (table !== RT_TABLE_MAIN || payload[7] !== RTN_UNICAST) return [];
      const destination = attributes.get(RTA_DST);
      const gateway = attributes.get(RTA_GATEWAY);
      const route: Route = {
        destination: destination ? { address: ipFromBytes(destination), prefixLength: payload[1] ?? 0 } : null,
        gateway: gateway ? ipFromBytes(gateway) : null,
        link: attributes.get(RTA_OIF)?.readUInt32LE(0) ?? 0,
      };
      return [route];
    });
  });
}

function isV6(route: Route): boolean {
  return (route.gateway ?? route.destination?.address ?? '').includes(':');
}
