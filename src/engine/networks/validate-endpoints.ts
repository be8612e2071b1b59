import { invalid, WharfError } from '../../shared/errors.js';
import type { EndpointConfig } from '../containers/container-config.js';
import { contains, parseCidr } from './cidr.js';
import { findNetwork, isPredefined } from './find-network.js';
import { isMacAddress } from './mac-address.js';
import type { Network } from './model.js';
import type { NetworksContext } from './networks-context.js';
import { asList } from './validate-pools.js';

/**
 * Checks what a create says about networks. A network that does not exist is no error yet: it may be made before the start.
 * Throws invalid in dockerd's words. The warnings are for the client.
 */
export function validateEndpoints(
  ctx: NetworksContext,
  networkMode: string,
  endpoints: Record<string, EndpointConfig>,
  hasPortBindings: boolean,
): { warnings: string[] } {
  for (const [ref, config] of Object.entries(endpoints)) {
    const network = lookUp(ctx, ['', 'default'].includes(ref) ? 'bridge' : ref);
    if (network) checkEndpoint(network, config);
  }
  const discarded = networkMode === 'host' && hasPortBindings;
  return { warnings: discarded ? ['Published ports are discarded when using host network mode'] : [] };
}

/** Throws invalid when a container can't be on the network with these settings. */
export function checkEndpoint(network: Network, config: EndpointConfig): void {
  const errors = [...addressErrors(network, config), ...nameErrors(network, config)];
  if (config.macAddress !== '' && !isMacAddress(config.macAddress)) {
    errors.push(`invalid MAC address: ${config.macAddress}`);
  }
  if (errors.length === 0) return;
  throw invalid(`invalid config for network ${network.name}: invalid endpoint settings:\n${asList(errors)}`);
}

function addressErrors(network: Network, { ipamConfig }: EndpointConfig): string[] {
  const addresses = [ipamConfig?.ipv4Address ?? '', ipamConfig?.ipv6Address ?? ''].filter((address) => address !== '');
  if (addresses.length === 0) return [];
  const errors: string[] = [];
  if (isPredefined(network.name)) errors.push('user specified IP address is supported on user defined networks only');
  if (network.automaticPools) {
    errors.push('user specified IP address is supported only when connecting to networks with user configured subnets');
    return errors;
  }
  const blocks = network.ipam.config.flatMap(({ subnet }) => parseCidr(subnet) ?? []);
  for (const address of addresses) {
    if (blocks.some((block) => contains(block, address))) continue;
    errors.push(`no configured subnet or ip-range contain the IP address ${address}`);
  }
  return errors;
}

function nameErrors(network: Network, { aliases }: EndpointConfig): string[] {
  if (!isPredefined(network.name) || (aliases ?? []).length === 0) return [];
  return ['network-scoped aliases are only supported for user-defined networks'];
}

function lookUp(ctx: NetworksContext, ref: string): Network | null {
  try {
    return findNetwork(ctx, ref);
  } catch (error) {
    if (error instanceof WharfError) return null;
    throw error;
  }
}
