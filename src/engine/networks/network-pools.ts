import { randomBytes } from 'node:crypto';
import { forbidden, internal } from '../../shared/errors.js';
import { routedBlocks } from './bridge-interface.js';
import { allNetworks } from './find-network.js';
import { type Cidr, formatAddress, formatCidr, lastOf, overlaps, parseAddress, parseCidr, sizeOf } from './cidr.js';
import { chooseSubnet, DEFAULT_ADDRESS_POOLS, firstFreeAddress, versionOf } from './ipam.js';
import type { IpamPool, Network } from './model.js';
import type { NetworksContext } from './networks-context.js';
import { takenAddresses } from './taken-addresses.js';

/** What decides about the pools of a network. */
export interface PoolsRequest {
  requested: readonly Partial<IpamPool>[];
  enableIpv4: boolean;
  enableIpv6: boolean;
  /** Whether the host gets an address in pools of that version. */
  wantsGateway: (version: 4 | 6) => boolean;
}

/**
 * The pools asked for, IPv4 first, with what they leave open filled in; a family without any gets one chosen. Those of a family that is not
 * used are kept as they were asked for. Throws forbidden when one is in use, internal when its gateway is.
 */
export function poolsFor(ctx: NetworksContext, request: PoolsRequest): IpamPool[] {
  const { requested, enableIpv4, enableIpv6, wantsGateway } = request;
  const pools: IpamPool[] = [];
  for (const { subnet = '', ipRange = '', gateway = '', auxiliaryAddresses = {} } of requested) {
    const pool: IpamPool = { subnet, ipRange, gateway, auxiliaryAddresses };
    if (versionOf(pool) === 4 ? enableIpv4 : enableIpv6) {
      // A range in the subnet of another network may be had; the addresses outside of it are the other's.
      if (ipRange === '') refuseOverlap(ctx, pools, subnet);
      const taken = takenAddresses(ctx, { id: '', ipam: { config: [pool] } }).addresses;
      const isGatewayImplied = gateway === '' && wantsGateway(versionOf(pool));
      // As dockerd: the gateway comes first, and an auxiliary address that wants the same one is too late.
      if (isGatewayImplied) {
        pool.gateway = firstFreeAddress({ ...pool, auxiliaryAddresses: {} }, taken);
        pool.isGatewayImplied = true;
      }
      checkReserved(pool, taken);
    }
    pools.push(pool);
  }
  pools.sort((one, other) => versionOf(one) - versionOf(other));
  const has = (version: 4 | 6): boolean => pools.some((pool) => versionOf(pool) === version);
  if (enableIpv4 && !has(4)) pools.push(automaticPool(choose(ctx), wantsGateway(4)));
  if (enableIpv6 && !has(6)) pools.push(automaticPool(uniqueLocalSubnet(), wantsGateway(6)));
  return pools;
}

function automaticPool(subnet: string, withGateway: boolean): IpamPool {
  const pool = { subnet, ipRange: '', gateway: '', auxiliaryAddresses: {} };
  return withGateway ? { ...pool, gateway: firstFreeAddress(pool) } : pool;
}

/** The subnet's ends are nobody's, and no two may have the same address. Throws internal in dockerd's words. */
export function checkReserved({ subnet, gateway, auxiliaryAddresses }: IpamPool, others: ReadonlySet<string>): void {
  const block = parseCidr(subnet);
  if (!block) throw internal(`invalid CIDR block: ${subnet}`);
  const taken = new Set(others);
  if (sizeOf(block) > 2n) {
    taken.add(formatAddress(block.version, block.base));
    if (block.version === 4) taken.add(formatAddress(4, lastOf(block)));
  }
  const take = (text: string, what: string): void => {
    const parsed = parseAddress(text);
    const address = parsed ? formatAddress(parsed.version, parsed.value) : text;
    if (taken.has(address)) throw internal(`failed to allocate ${what}: Address already in use`);
    taken.add(address);
  };
  if (gateway !== '') take(gateway, `gateway (${gateway})`);
  for (const [name, address] of Object.entries(auxiliaryAddresses)) {
    take(address, `secondary ip address (${name}:${address})`);
  }
}

function choose(ctx: NetworksContext): string {
  const pools = ctx.options.addressPools.length > 0 ? ctx.options.addressPools : DEFAULT_ADDRESS_POOLS;
  return chooseSubnet(pools, 4, [...networkBlocks(ctx), ...routedBlocks(ctx, [])]);
}

/** A /64 of a random unique local prefix. Source: RFC 4193. */
export function uniqueLocalSubnet(): string {
  const block = parseCidr(
    `fd${randomBytes(5)
      .toString('hex')
      .replace(/^(..)(....)(....)$/, '$1:$2:$3')}::/64`,
  );
  if (!block) throw internal('no unique local subnet');
  return formatCidr(block);
}

/** The blocks that networks use; a configuration that others are made from uses none. */
export function networkBlocks(ctx: NetworksContext): Cidr[] {
  return allNetworks(ctx)
    .filter(({ configOnly }) => !configOnly)
    .flatMap(usedBlocks);
}

/** The blocks of a network's families. */
export function usedBlocks({ ipam, enableIpv4, enableIpv6 }: Network): Cidr[] {
  const used = ipam.config.filter((pool) => (versionOf(pool) === 4 ? enableIpv4 : enableIpv6));
  return used.flatMap(({ subnet }) => parseCidr(subnet) ?? []);
}

function refuseOverlap(ctx: NetworksContext, own: readonly IpamPool[], subnet: string): void {
  const block = parseCidr(subnet);
  const others = [...networkBlocks(ctx), ...own.flatMap((pool) => parseCidr(pool.subnet) ?? [])];
  if (block && others.some((other) => overlaps(block, other))) {
    throw forbidden('invalid pool request: Pool overlaps with other one on this address space');
  }
}
