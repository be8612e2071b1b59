import { isIP } from 'node:net';
import { invalid, WharfError } from '../../shared/errors.js';
import type { EndpointConfig } from '../containers/container-config.js';
import { contains, parseCidr } from './cidr.js';
import { findNetwork, isPredefined } from './find-network.js';
import { unrecognisedSysctls } from './endpoint-options.js';
import { versionOf } from './ipam.js';
import { isMacAddress } from './mac-address.js';
import type { Network } from './model.js';
import type { NetworksContext } from './networks-context.js';
import { asList } from './validate-pools.js';

/**
 * Checks what a create says about networks. A network that does not exist is no error yet: it may be made before the start, and only
 * what can be wrong on any network is checked.
 * Throws invalid in dockerd's words.
 */
export function validateEndpoints(ctx: NetworksContext, endpoints: Record<string, EndpointConfig>): void {
  for (const [ref, config] of Object.entries(endpoints)) {
    const network = lookUp(ctx, ['', 'default'].includes(ref) ? 'bridge' : ref);
    const problem = endpointProblem(network, config);
    if (problem) throw invalid(`invalid config for network ${ref}: ${problem}`);
  }
}

/** What dockerd says when a container can't be on the network (null: one to come) with these settings; null: it can. */
export function endpointProblem(network: Network | null, config: EndpointConfig): string | null {
  const errors = [...addressErrors(network, config), ...nameErrors(network, config), ...sysctlErrors(config)];
  if (errors.length > 0) return `invalid endpoint settings:\n${asList(errors)}`;
  return macAddressProblem(config);
}

/** What dockerd says of a MAC address that is none; null: it is one, or there is none. */
export function macAddressProblem({ macAddress }: EndpointConfig): string | null {
  return macAddress !== '' && !isMacAddress(macAddress) ? `invalid MAC address ${macAddress}` : null;
}

function addressErrors(network: Network | null, { ipamConfig }: EndpointConfig): string[] {
  if (!ipamConfig) return [];
  const { ipv4Address, ipv6Address, linkLocalIps } = ipamConfig;
  const errors: string[] = [];
  if (network && isPredefined(network.name) && (ipv4Address !== '' || ipv6Address !== '')) {
    errors.push('user specified IP address is supported on user defined networks only');
  }
  errors.push(...familyErrors(network, 4, ipv4Address), ...familyErrors(network, 6, ipv6Address));
  for (const address of linkLocalIps) {
    if (!isLinkLocal(address)) errors.push(`invalid link-local IP address: ${address}`);
  }
  return errors;
}

function familyErrors(network: Network | null, version: 4 | 6, address: string): string[] {
  if (address === '') return [];
  const errors = isIP(address) === version ? [] : [`invalid IPv${version} address: ${address}`];
  if (!network) return errors;
  const pools = network.automaticPools ? [] : network.ipam.config.filter((pool) => versionOf(pool) === version);
  const blocks = pools.flatMap(({ subnet }) => parseCidr(subnet) ?? []);
  if (blocks.length === 0) {
    errors.push('user specified IP address is supported only when connecting to networks with user configured subnets');
  } else if (!blocks.some((block) => contains(block, address))) {
    errors.push(`no configured subnet or ip-range contain the IP address ${address}`);
  }
  return errors;
}

function isLinkLocal(address: string): boolean {
  if (isIP(address) === 0) return false;
  return LINK_LOCAL_BLOCKS.some((block) => contains(block, address));
}

const LINK_LOCAL_BLOCKS = ['169.254.0.0/16', 'fe80::/64'].flatMap((text) => parseCidr(text) ?? []);

function nameErrors(network: Network | null, { aliases }: EndpointConfig): string[] {
  if (!network || !isPredefined(network.name) || (aliases ?? []).length === 0) return [];
  return ['network-scoped alias is supported only for containers in user defined networks'];
}

function sysctlErrors({ driverOpts }: EndpointConfig): string[] {
  return unrecognisedSysctls(driverOpts ?? {}).map(
    (setting) =>
      `unrecognised network interface sysctl '${setting}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'`,
  );
}

function lookUp(ctx: NetworksContext, ref: string): Network | null {
  try {
    return findNetwork(ctx, ref);
  } catch (error) {
    if (error instanceof WharfError) return null;
    throw error;
  }
}
