import { addAddress, deleteAddress, listAddresses } from '../../host/netlink/addresses.js';
import { createLink, findLink, listLinks, setLink } from '../../host/netlink/links.js';
import { listRoutes } from '../../host/netlink/routes.js';
import { writeSysctl } from '../../host/netlink/sysctl.js';
import { internal } from '../../shared/errors.js';
import { type Cidr, cidr, parseAddress } from './cidr.js';
import { prefixLengthOf, versionOf } from './ipam.js';
import { randomMacAddress } from './mac-address.js';
import type { Network } from './model.js';
import { flag, gatewayMode, mtuOf, NETWORK_OPTION } from './network-options.js';
import type { NetworksContext } from './networks-context.js';
import { raiseBurst } from './raise-burst.js';

/**
 * Makes the host's side of a bridge network what it should be: the interface, up, with the gateways' addresses and no others.
 * A bridge that is not ours must exist, and the addresses that it has are left alone.
 */
export function ensureBridge(ctx: NetworksContext, network: Network): void {
  const name = network.bridgeName;
  const present = findLink(ctx.routes, name);
  if (!present) {
    if (!network.ownsBridge) throw internal(`bridge device with non default name ${name} must be created manually`);
    ctx.routes.request(createLink('bridge', { name, mtu: mtuOf(network), macAddress: randomMacAddress() }));
  } else if (present.kind !== 'bridge') {
    throw internal(`existing interface ${name} is not a bridge`);
  }
  const link = findLink(ctx.routes, name);
  if (!link) throw internal(`bridge ${name} is not there`);
  alignAddresses(ctx, link.index, network);
  writeBridgeSettings(name, network);
  if (!link.up) ctx.routes.request(setLink(link.index, { up: true }));
  raiseBurst(ctx.routes, network, link);
}

function alignAddresses(ctx: NetworksContext, link: number, network: Network): void {
  const keepsV4 = flag(network, NETWORK_OPTION.inhibitIpv4, false);
  const wanted = network.ipam.config
    .filter((pool) => pool.gateway !== '' && hostHasAddress(network, versionOf(pool)))
    .map((pool) => ({ link, address: pool.gateway, prefixLength: prefixLengthOf(pool) }));
  const isSame = (one: { address: string; prefixLength: number }, other: typeof one): boolean =>
    one.address === other.address && one.prefixLength === other.prefixLength;
  const present = listAddresses(ctx.routes).filter((address) => address.link === link);
  for (const address of present) {
    const isKept = address.address.startsWith('fe80:') || (keepsV4 && !address.address.includes(':'));
    if (network.ownsBridge && !isKept && !wanted.some((one) => isSame(one, address)))
      ctx.routes.request(deleteAddress(address));
  }
  for (const address of wanted) {
    if (!present.some((one) => isSame(one, address))) ctx.routes.request(addAddress(address));
  }
}

/** Whether the host is on the network itself, in a family that the network uses. */
function hostHasAddress(network: Network, version: 4 | 6): boolean {
  if (gatewayMode(network, version) === 'isolated') return false;
  if (version === 6) return network.enableIpv6;
  return network.enableIpv4 && !flag(network, NETWORK_OPTION.inhibitIpv4, false);
}

function writeBridgeSettings(name: string, network: Network): void {
  // Lets the host's own 127.0.0.1 reach published ports; the firewall keeps containers from the host's loopback.
  writeSysctl(`net/ipv4/conf/${name}/route_localnet`, 1);
  if (!network.enableIpv6) return;
  writeSysctl(`net/ipv6/conf/${name}/disable_ipv6`, 0);
  writeSysctl(`net/ipv6/conf/${name}/accept_ra`, 0);
}

/** The blocks that the host routes somewhere else than to one of these interfaces: a new network must not hide them. */
export function routedBlocks(ctx: NetworksContext, except: readonly string[]): Cidr[] {
  const ours = new Set(
    listLinks(ctx.routes)
      .filter(({ name }) => except.includes(name))
      .map(({ index }) => index),
  );
  return listRoutes(ctx.routes).flatMap(({ destination, link }) => {
    if (!destination || ours.has(link)) return [];
    const address = parseAddress(destination.address);
    return address ? [cidr(address.version, address.value, destination.prefixLength)] : [];
  });
}

/** An interface's address that is no link-local one, `172.17.0.1/16`; null when it has none or is not there. */
export function addressOf(ctx: NetworksContext, name: string, version: 4 | 6): string | null {
  const link = findLink(ctx.routes, name);
  const isWanted = (address: string): boolean =>
    address.includes(':') === (version === 6) && !address.startsWith('fe80:');
  const address = listAddresses(ctx.routes).find((one) => one.link === link?.index && isWanted(one.address));
  return address ? `${address.address}/${address.prefixLength}` : null;
}
