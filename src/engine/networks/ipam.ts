import { forbidden, internal, invalid } from '../../shared/errors.js';
import {
  type Cidr,
  contains,
  formatAddress,
  formatCidr,
  lastOf,
  overlaps,
  parseAddress,
  parseCidr,
  sizeOf,
} from './cidr.js';
import type { IpamPool, PoolUsage } from './model.js';

/** Where subnets come from when a network names none: `base` cut into pieces of prefix length `size`. */
export interface AddressPool {
  base: string;
  size: number;
}

/**
 * dockerd's 31 networks first (172.17 to 172.31, then 192.168 in /20; source: moby, daemon/libnetwork/ipamutils), then 1024 more
 * for those who have used them up.
 */
export const DEFAULT_ADDRESS_POOLS: readonly AddressPool[] = [
  ...['172.17.0.0/16', '172.18.0.0/16', '172.19.0.0/16', '172.20.0.0/14', '172.24.0.0/14', '172.28.0.0/14'].map(
    (base) => ({ base, size: 16 }),
  ),
  { base: '192.168.0.0/16', size: 20 },
  { base: '10.192.0.0/10', size: 20 },
];

/** The auxiliary address that containers take for their gateway instead of the host's. */
export const DEFAULT_GATEWAY = { 4: 'DefaultGatewayIPv4', 6: 'DefaultGatewayIPv6' } as const;

/** What containers send through what has no better way; '' : nothing. */
export function gatewayOf({ gateway, auxiliaryAddresses, subnet }: IpamPool): string {
  return auxiliaryAddresses[DEFAULT_GATEWAY[versionOf({ subnet })]] ?? gateway;
}

/**
 * The first subnet of the pools that overlaps nothing taken: other networks and the host's routes, so that a VPN is never
 * hidden by a bridge. Throws invalid when there is none.
 */
export function chooseSubnet(pools: readonly AddressPool[], version: 4 | 6, taken: readonly Cidr[]): string {
  for (const { base, size } of pools) {
    const pool = parseCidr(base);
    if (pool?.version !== version || size < pool.prefixLength) continue;
    const step = sizeOf({ ...pool, prefixLength: size });
    for (let start = pool.base; start <= lastOf(pool); start += step) {
      const candidate: Cidr = { version, base: start, prefixLength: size };
      const obstacle = taken.find((other) => overlaps(candidate, other));
      if (!obstacle) return formatCidr(candidate);
      // Skips what a large obstacle covers in one step; a pool of /64s may be larger than anyone can walk.
      const end = lastOf(obstacle);
      if (end > start + step) start += ((end - start) / step) * step;
    }
  }
  throw invalid('all predefined address pools have been fully subnetted');
}

/** The first usable address of a subnet. */
export function firstAddress(subnet: string): string {
  const block = parsed(subnet);
  return formatAddress(block.version, block.base + (sizeOf(block) > 2n ? 1n : 0n));
}

/** The address that the host gets in a pool that names no gateway: the first that could be given out. */
export function firstFreeAddress(pool: IpamPool, used: ReadonlySet<string> = new Set()): string {
  const address = allocateAddress({ ...pool, gateway: '' }, used);
  if (address === null) throw internal('failed to allocate gateway (): no available IP addresses');
  return address;
}

/**
 * The lowest free address of a pool: of its range if it has one. Never the subnet's first (and with IPv4 last) address, nor
 * its gateway, nor an auxiliary one. null when there is none left. `from`: the caller knows that none below is free.
 */
export function allocateAddress(pool: IpamPool, used: ReadonlySet<string>, from = 0n): string | null {
  const subnet = parsed(pool.subnet);
  const range = pool.ipRange === '' ? subnet : parsed(pool.ipRange);
  const kept = reserved(pool);
  const hasEnds = sizeOf(subnet) > 2n;
  const last = lastOf(range);
  for (let value = from > range.base ? from : range.base; value <= last; value++) {
    if (hasEnds && value === subnet.base) continue;
    if (hasEnds && subnet.version === 4 && value === lastOf(subnet)) continue;
    const address = formatAddress(subnet.version, value);
    if (!used.has(address) && !kept.has(address)) return address;
  }
  return null;
}

/** The requested address in its usual spelling. Throws what dockerd says when it can't be had. */
export function claimAddress(pool: IpamPool, requested: string, used: ReadonlySet<string>): string {
  const wanted = parseAddress(requested);
  const address = wanted ? formatAddress(wanted.version, wanted.value) : requested;
  if (!contains(parsed(pool.subnet), address)) throw internal('Requested address is out of range');
  if (used.has(address) || reserved(pool).has(address) || isEnd(pool, address))
    throw forbidden('Address already in use');
  return address;
}

/** Whether an address is the subnet's own or its broadcast address, which nobody can have. */
function isEnd({ subnet }: IpamPool, address: string): boolean {
  const block = parsed(subnet);
  if (sizeOf(block) <= 2n) return false;
  const isLast = block.version === 4 && address === formatAddress(4, lastOf(block));
  return isLast || address === formatAddress(block.version, block.base);
}

/** How full a pool is. `used` may hold addresses of other pools. */
export function usageOf(pool: IpamPool, used: ReadonlySet<string>): PoolUsage {
  const subnet = parsed(pool.subnet);
  const range = pool.ipRange === '' ? subnet : parsed(pool.ipRange);
  const taken = new Set([...used, ...reserved(pool)].filter((address) => contains(subnet, address)));
  if (sizeOf(subnet) > 2n) {
    taken.add(formatAddress(subnet.version, subnet.base));
    if (subnet.version === 4) taken.add(formatAddress(4, lastOf(subnet)));
  }
  const inRange = [...taken].filter((address) => contains(range, address)).length;
  return { subnet: pool.subnet, inUse: BigInt(taken.size), available: sizeOf(range) - BigInt(inRange) };
}

/** Which pool of a network holds an address; undefined if none does. */
export function poolOf(pools: readonly IpamPool[], address: string): IpamPool | undefined {
  return pools.find(({ subnet }) => contains(parsed(subnet), address));
}

export function versionOf(pool: Pick<IpamPool, 'subnet'>): 4 | 6 {
  return pool.subnet.includes(':') ? 6 : 4;
}

export function prefixLengthOf(pool: IpamPool): number {
  return parsed(pool.subnet).prefixLength;
}

function reserved(pool: IpamPool): Set<string> {
  return new Set([pool.gateway, ...Object.values(pool.auxiliaryAddresses)]);
}

function parsed(text: string): Cidr {
  const block = parseCidr(text);
  if (!block) throw internal(`invalid CIDR block: ${text}`);
  return block;
}
