import { NETLINK_ROUTE, NetlinkSocket } from './netlink-socket.js';

/** A socket for links, addresses and routes, of this namespace or of the one at a path. Whoever opened it disposes of it. */
export type RouteSocket = NetlinkSocket;

export function openRouteSocket(netnsPath?: string): RouteSocket {
  return NetlinkSocket.open(NETLINK_ROUTE, netnsPath);
}
