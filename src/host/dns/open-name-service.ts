import { closeSync } from 'node:fs';
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/netlink-socket.js';
import { type DnsSockets, openDnsSockets, preferredPort } from './dns-sockets.js';
import { redirectDns } from './redirect-dns.js';

/**
 * Opens name service in the namespace that this thread is in: sockets, and the way from 127.0.0.11 to them. Its loopback must be
 * up. Synchronous, for use inside `createNetns` and `inNetns`. The caller hands the sockets to a DnsServer or closes them.
 */
export function openNameService(sandboxId: string, isNewNamespace: boolean): DnsSockets {
  const sockets = openDnsSockets(preferredPort(sandboxId));
  try {
    using netfilter = NetlinkSocket.open(NETLINK_NETFILTER);
    redirectDns(netfilter, sockets, isNewNamespace);
    return sockets;
  } catch (error) {
    closeSync(sockets.udpFd);
    closeSync(sockets.tcpFd);
    throw error;
  }
}
