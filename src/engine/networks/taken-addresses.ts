import { AddressLeases } from './address-leases.js';
import { type Cidr, overlaps, parseCidr } from './cidr.js';
import type { IpamPool, Network } from './model.js';
import type { NetworksContext } from './networks-context.js';

interface Pools {
  ipam: { config: readonly IpamPool[] };
}

/** The addresses of containers on a network, given or being given, and what other networks in the same subnets have of them. */
export function takenAddresses(ctx: NetworksContext, network: Pools & { id: string }): AddressLeases {
  const sharers = sharersOf(ctx, network);
  const own = ctx.sandboxes.leasesOn(network.id);
  if (sharers.length === 0) return own;
  const all = new AddressLeases();
  for (const { addresses } of [own, ...sharers.map(({ id }) => ctx.sandboxes.leasesOn(id))]) {
    for (const address of addresses) all.take(address);
  }
  for (const { gateway, auxiliaryAddresses } of sharers.flatMap(({ ipam }) => ipam.config)) {
    for (const address of [gateway, ...Object.values(auxiliaryAddresses)]) all.take(address);
  }
  return all;
}

/** Networks that share a subnet with this one, which takes a range of addresses that only one of them gives out. */
function sharersOf(ctx: NetworksContext, network: Pools & { id: string }): Network[] {
  const hasRange = ({ ipam }: Pools): boolean => ipam.config.some(({ ipRange }) => ipRange !== '');
  const isRanged = hasRange(network);
  const own = blocksOf(network.ipam.config);
  return [...ctx.networks.values()].filter(
    (other) =>
      other.id !== network.id &&
      !other.configOnly &&
      (isRanged || hasRange(other)) &&
      blocksOf(other.ipam.config).some((block) => own.some((one) => overlaps(one, block))),
  );
}

function blocksOf(pools: readonly IpamPool[]): Cidr[] {
  return pools.flatMap(({ subnet }) => parseCidr(subnet) ?? []);
}
