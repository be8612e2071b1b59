import { closeSync, openSync } from 'node:fs';
import { addAddress } from '../../host/netlink/addresses.js';
import { createVeth, deleteLink, findLink, setBridgePort, setLink } from '../../host/netlink/links.js';
import { openRouteSocket, type RouteSocket } from '../../host/netlink/route-socket.js';
import { readSysctl, writeSysctl } from '../../host/netlink/sysctl.js';
import { inNetns } from '../../host/sys/namespaces.js';
import { hasCode, internal, type WharfError } from '../../shared/errors.js';
import { randomHex } from '../../shared/random-hex.js';
import { interfaceSysctls } from './endpoint-options.js';
import { createLanLink, isLanEndpoint, removeLanLinks } from './lan-endpoint.js';
import type { Endpoint, Network } from './model.js';
import { flag, mtuOf, NETWORK_OPTION } from './network-options.js';
import type { NetworksContext } from './networks-context.js';
import { burstOf, raiseBurst } from './raise-burst.js';
import { systemErrorText } from './system-error-text.js';

const BRIDGE_NETFILTER = ['net/bridge/bridge-nf-call-iptables', 'net/bridge/bridge-nf-call-ip6tables'];

/** `veth` and seven hex digits, as tools outside expect it. */
export function newVethName(): string {
  return `veth${randomHex(4).slice(0, 7)}`;
}

export function isVethName(name: string): boolean {
  return /^veth[0-9a-f]{7}$/.test(name);
}

/**
 * Joins a namespace to a network: an interface with its addresses, up. `inside` is a socket in the namespace;
 * `index` the number of the interface in there (0: any), which a caller who knows that the namespace is new can choose.
 * Nothing is left when it throws.
 */
export function wireEndpoint(
  ctx: NetworksContext,
  network: Network,
  endpoint: Endpoint,
  sandboxKey: string,
  inside: RouteSocket,
  index: number,
): void {
  checkInterfaceName(endpoint);
  if (network.driver === 'bridge') joinBridge(ctx, network, endpoint, sandboxKey, index);
  else createLanLink(ctx, network, endpoint, sandboxKey, inside);
  try {
    if (network.driver === 'bridge') {
      setPort(ctx, network, endpoint.hostInterface);
      raiseBridge(ctx, network);
    }
    configure(endpoint, sandboxKey, inside, index);
  } catch (error) {
    removeLanLinks(sandboxKey, [endpoint]);
    if (endpoint.hostInterface !== '') ctx.routes.request(deleteLink(endpoint.hostInterface));
    throw error;
  }
}

/** Cuts an endpoint off and takes its interface away; none is fine. */
export async function unwireEndpoint(ctx: NetworksContext, endpoint: Endpoint, sandboxKey: string): Promise<void> {
  cutOff(ctx, endpoint, sandboxKey);
  await removeVeth(ctx, endpoint.hostInterface);
}

/** Lets nothing pass any more, so that another may have the addresses; what is left of the interface is for `removeVeth`. */
export function cutOff(ctx: NetworksContext, endpoint: Endpoint, sandboxKey: string): void {
  removeLanLinks(sandboxKey, [endpoint]);
  cutEndpoint(ctx, endpoint.hostInterface);
}

/** The veth pair. Throws when the bridge is gone. */
function joinBridge(
  ctx: NetworksContext,
  network: Network,
  endpoint: Endpoint,
  sandboxKey: string,
  index: number,
): void {
  const bridge = findLink(ctx.routes, network.bridgeName);
  if (!bridge) throw internal(`bridge ${network.bridgeName} of network ${network.name} is not there`);
  const netnsFd = openSync(sandboxKey, 'r');
  try {
    const { hostInterface: name, interfaceName, macAddress } = endpoint;
    const burst = burstOf(network, bridge);
    const peer = { name: interfaceName, macAddress, netnsFd, index, burst };
    ctx.routes.request(createVeth({ name, mtu: mtuOf(network), burst, master: bridge.index, peer }));
  } finally {
    closeSync(netnsFd);
  }
}

function configure(endpoint: Endpoint, sandboxKey: string, inside: RouteSocket, known: number): void {
  const link = known || findLink(inside, endpoint.interfaceName)?.index;
  if (!link) throw internal(`interface ${endpoint.interfaceName} is not in ${sandboxKey}`);
  const { ipAddress, ipPrefixLen, globalIpv6Address, globalIpv6PrefixLen, linkLocalIps } = endpoint;
  if (globalIpv6Address !== '') {
    inNetns(sandboxKey, () => writeSysctl(`net/ipv6/conf/${endpoint.interfaceName}/disable_ipv6`, 0));
  }
  try {
    inside.request(
      ...(ipAddress === '' ? [] : [addAddress({ link, address: ipAddress, prefixLength: ipPrefixLen })]),
      ...(globalIpv6Address === ''
        ? []
        : [addAddress({ link, address: globalIpv6Address, prefixLength: globalIpv6PrefixLen })]),
      ...(linkLocalIps ?? []).map((address) =>
        addAddress({ link, address, prefixLength: address.includes(':') ? 64 : 16 }),
      ),
      setLink(link, { up: true }),
    );
  } catch (error) {
    throw isLanEndpoint(endpoint) ? lanStartError(endpoint, error) : error;
  }
  writeInterfaceSysctls(endpoint, sandboxKey);
}

/** On a wire that is the host's own, another may have the hardware address already, or the wire may be down. */
function lanStartError({ interfaceName: name, macAddress }: Endpoint, error: unknown): WharfError {
  const what = hasCode(error, 'EADDRINUSE', 'EBUSY')
    ? `error setting interface "${name}" MAC to "${macAddress}": address already in use`
    : `error bringing up interface "${name}": ${systemErrorText(error)}`;
  return internal(`failed to add interface ${name} to sandbox: ${what}`, error);
}

/** Names that the kernel refuses, in the words in which dockerd passes its answer on. */
function checkInterfaceName({ hostInterface, interfaceName }: Endpoint): void {
  const problem =
    interfaceName.length > 15
      ? 'numerical result out of range'
      : /[/:\s]/.test(interfaceName) || ['.', '..'].includes(interfaceName)
        ? 'invalid argument'
        : null;
  if (problem === null) return;
  const what = `error renaming interface "${hostInterface}" to "${interfaceName}": ${problem}`;
  throw internal(`failed to add interface ${hostInterface} to sandbox: ${what}`);
}

function writeInterfaceSysctls({ driverOpts, interfaceName, hostInterface }: Endpoint, sandboxKey: string): void {
  const sysctls = interfaceSysctls(driverOpts ?? {}, interfaceName);
  if (sysctls.length === 0) return;
  inNetns(sandboxKey, () => {
    for (const { path, value } of sysctls) {
      if (readSysctl(path) === null) {
        throw internal(`failed to add interface ${hostInterface} to sandbox: /proc/sys/${path} is not a sysctl file`);
      }
      writeSysctl(path, value);
    }
  });
}

/**
 * Where the kernel runs the packet rules on bridged frames too (br_netfilter), a container's call to its own published port is
 * turned round on the bridge, at the port that it came in by, which takes a hairpin port; and the rules keep apart
 * containers that may not talk to each other. Otherwise such calls go through the host's routing, and isolated ports keep
 * the containers apart.
 */
function setPort(ctx: NetworksContext, network: Network, hostInterface: string): void {
  const hairpin = BRIDGE_NETFILTER.some((path) => readSysctl(path) === '1');
  const isolated = !hairpin && !flag(network, NETWORK_OPTION.icc, true);
  if (isolated || hairpin) ctx.routes.request(setBridgePort(hostInterface, { isolated, hairpin }));
}

/** Only now: a bridge takes large packets once it has a port. */
function raiseBridge(ctx: NetworksContext, network: Network): void {
  const bridge = network.internal ? findLink(ctx.routes, network.bridgeName) : null;
  if (bridge) raiseBurst(ctx.routes, network, bridge);
}

/**
 * Cuts an endpoint off at once: its host's end goes down, so nothing passes any more although the pair may live a moment
 * longer. Taking down costs 0.15 ms; removing, which waits for the kernel's readers, 10 to 50 ms of a blocked daemon.
 */
export function cutEndpoint(ctx: NetworksContext, hostInterface: string): void {
  if (hostInterface === '') return;
  try {
    ctx.routes.request(setLink(hostInterface, { up: false }));
  } catch (error) {
    if (!hasCode(error, 'ENODEV')) throw error;
  }
}

/** Removes the pair; none is fine. */
export async function removeVeth(ctx: Pick<NetworksContext, 'links'>, hostInterface: string): Promise<void> {
  if (hostInterface !== '') await ctx.links.remove(hostInterface);
}

/** A socket inside a namespace that exists. The caller disposes of it. */
export function openInside(sandboxKey: string): RouteSocket {
  return openRouteSocket(sandboxKey);
}
