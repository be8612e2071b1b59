import { invalid } from '../../shared/errors.js';
import { addressOf, routedBlocks } from './bridge-interface.js';
import { type Cidr, cidr, contains, formatAddress, formatCidr, overlaps, parseAddress, parseCidr } from './cidr.js';
import {
  chooseSubnet,
  DEFAULT_ADDRESS_POOLS,
  DEFAULT_GATEWAY,
  firstAddress,
  firstFreeAddress,
  versionOf,
} from './ipam.js';
import type { IpamPool, Network } from './model.js';
import { checkReserved, uniqueLocalSubnet } from './network-pools.js';
import type { NetworksContext } from './networks-context.js';

/** What the daemon's options say of one family. */
interface Family {
  version: 4 | 6;
  /** `--bip`, `--bip6`: the host's address with the subnet's length. */
  bip: string;
  fixedCidr: string;
  defaultGateway: string;
  /** The flags' ending: '' or what IPv6 ones have. */
  bipFlag: string;
  fixedCidrFlag: string;
}

/**
 * The subnets of the default bridge: the one named by an option, else what the interface has, else what it had, unless something else is
 * routed there by now, else the first that is free. Those that options speak of come first. Throws invalid for options that can't be.
 */
export function defaultBridgePools(
  ctx: NetworksContext,
  bridgeName: string,
  ownsBridge: boolean,
  former: Network | undefined,
): IpamPool[] {
  const { bip, bip6, fixedCidr, fixedCidrV6, defaultGateway, defaultGatewayV6, ipv6 } = ctx.options;
  const families: Family[] = [
    { version: 4, bip, fixedCidr, defaultGateway, bipFlag: 'bip', fixedCidrFlag: 'fixed-cidr' },
    {
      version: 6,
      bip: bip6,
      fixedCidr: fixedCidrV6,
      defaultGateway: defaultGatewayV6,
      bipFlag: 'bip6',
      fixedCidrFlag: 'fixed-cidr-v6',
    },
  ];
  const used = families.filter(({ version }) => version === 4 || ipv6);
  const isAsked = (family: Family): boolean =>
    [family.bip, family.fixedCidr, family.defaultGateway].some((one) => one !== '');
  const ordered = [...used.filter(isAsked), ...used.filter((family) => !isAsked(family))];
  return ordered.map((family) => {
    const pool = poolOf(ctx, family, bridgeName, ownsBridge, former);
    const { defaultGateway: gateway } = family;
    if (gateway !== '') pool.auxiliaryAddresses = { [DEFAULT_GATEWAY[family.version]]: checkedGateway(pool, family) };
    checkReserved(pool, new Set());
    return pool;
  });
}

function poolOf(
  ctx: NetworksContext,
  family: Family,
  bridgeName: string,
  ownsBridge: boolean,
  former: Network | undefined,
): IpamPool {
  const range = family.fixedCidr === '' ? null : parsed(family.fixedCidr, family.fixedCidrFlag, family.version);
  const ipRange = range ? formatCidr(range) : '';
  if (family.bip !== '') {
    const block = parsed(family.bip, family.bipFlag, family.version);
    if (range && !isInside(range, block)) {
      throw invalid(
        `${family.fixedCidrFlag} ${ipRange} is not in the subnet of the default bridge, ${formatCidr(block)}`,
      );
    }
    return poolAround(family.bip, ipRange);
  }
  const known = [addressOf(ctx, bridgeName, family.version), formerGateway(ctx, bridgeName, former, family.version)];
  const fitting = known.find((one) => one !== null && (!range || isInside(range, parseCidr(one))));
  if (fitting) return { ...poolAround(fitting, ipRange), ...(range ? { isGatewayImplied: true } : {}) };
  if (range) return withGateway(ipRange, ipRange);
  if (!ownsBridge && family.version === 4) throw invalid(`bridge ${bridgeName} has no IPv4 address`);
  return automaticPool(ctx, bridgeName, former, family.version);
}

function withGateway(subnet: string, ipRange: string): IpamPool {
  const pool = { subnet, ipRange, gateway: '', auxiliaryAddresses: {} };
  return { ...pool, gateway: firstFreeAddress(pool), isGatewayImplied: true };
}

function automaticPool(
  ctx: NetworksContext,
  bridgeName: string,
  former: Network | undefined,
  version: 4 | 6,
): IpamPool {
  if (version === 6) return poolAround(`${firstAddressOf(uniqueLocalSubnet())}`, '');
  const pools = ctx.options.addressPools.length > 0 ? ctx.options.addressPools : DEFAULT_ADDRESS_POOLS;
  const others = [...ctx.networks.values()].filter(({ id }) => id !== former?.id);
  const taken = others.flatMap(({ ipam }) => ipam.config).flatMap(({ subnet }) => parseCidr(subnet) ?? []);
  return poolAround(firstAddressOf(chooseSubnet(pools, 4, [...taken, ...routedBlocks(ctx, [bridgeName])])), '');
}

const firstAddressOf = (subnet: string): string => `${firstAddress(subnet)}/${subnet.split('/')[1]}`;

function formerGateway(
  ctx: NetworksContext,
  bridgeName: string,
  former: Network | undefined,
  version: 4 | 6,
): string | null {
  const pools = former?.bridgeName === bridgeName ? former.ipam.config : [];
  const pool = pools.find((one) => versionOf(one) === version);
  const block = pool && parseCidr(pool.subnet);
  // A running container must keep its gateway, so then it does not matter what else is routed there.
  const inUse = [...ctx.sandboxes.values()].some(({ endpoints }) =>
    endpoints.some((one) => one.networkId === former?.id),
  );
  if (!block || (!inUse && routedBlocks(ctx, [bridgeName]).some((other) => overlaps(other, block)))) return null;
  return `${pool.gateway}/${block.prefixLength}`;
}

/** The pool of a gateway with its prefix length. */
function poolAround(gateway: string, ipRange: string): IpamPool {
  const [text = '', length = ''] = gateway.split('/');
  const address = parseAddress(text);
  if (!address) throw invalid(`invalid bridge IP address: ${gateway}`);
  return {
    subnet: formatCidr(cidr(address.version, address.value, Number(length))),
    ipRange,
    gateway: formatAddress(address.version, address.value),
    auxiliaryAddresses: {},
  };
}

function checkedGateway({ subnet }: IpamPool, { defaultGateway, version }: Family): string {
  const block = parseCidr(subnet);
  if (block && contains(block, defaultGateway)) return defaultGateway;
  throw invalid(
    `auxiliary address: (${DEFAULT_GATEWAY[version]}:${defaultGateway}) must belong to the master pool: ${subnet}`,
  );
}

function parsed(text: string, flag: string, version: 4 | 6): Cidr {
  const block = parseCidr(text);
  if (!block) throw invalid(`parse ${flag} failed: invalid CIDR address: ${text}`);
  if (block.version !== version) throw invalid(`parse ${flag} failed: not an IPv${version} address: ${text}`);
  return block;
}

function isInside(range: Cidr, block: Cidr | null): boolean {
  return block !== null && range.prefixLength >= block.prefixLength && overlaps(range, block);
}
