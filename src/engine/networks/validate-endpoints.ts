import { isIP } from 'node:net';
import { invalid, WharfError } from '../../shared/errors.js';
import type { EndpointConfig } from '../containers/container-config.js';
import { contains, parseCidr } from './cidr.js';
import { endpointSysctlsError } from './endpoint-sysctls.js';
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
  if (config.macAddress !== '' && !isMacAddress(config.macAddress)) {
    throw invalid(`invalid config for network ${network.name}: invalid MAC address ${config.macAddress}`);
  }
  const sysctls = endpointSysctlsError(config.driverOpts);
  const errors = [...addressErrors(network, config), ...nameErrors(network, config), ...(sysctls ? [sysctls] : [])];
  if (errors.length === 0) return;
  throw invalid(`invalid config for network ${network.name}: invalid endpoint settings:\n${asList(errors)}`);
}

function addressErrors(network: Network, { ipamConfig }: EndpointConfig): string[] {
  const { ipv4Address = '', ipv6Address = '', linkLocalIps = [] } = ipamConfig ?? {};
  const errors = [...fixedAddressErrors(network, 4, ipv4Address), ...fixedAddressErrors(network, 6, ipv6Address)];
  for (const address of linkLocalIps) if (isIP(address) === 0) errors.push(`invalid link-local IP address: ${address}`);
  return errors;
}

function fixedAddressErrors(network: Network, version: 4 | 6, address: string): string[] {
  if (address === '') return [];
  const errors = isIP(address) === version ? [] : [`invalid IPv${version} address: ${address}`];
  const blocks = network.ipam.config.flatMap(({ subnet }) => parseCidr(subnet) ?? []);
  const own = network.automaticPools ? [] : blocks.filter((block) => block.version === version);
  if (isPredefined(network.name)) {
    errors.push('user specified IP address is supported on user defined networks only');
  } else if (own.length === 0) {
    errors.push('user specified IP address is supported only when connecting to networks with user configured subnets');
  } else if (!own.some((block) => contains(block, address))) {
    errors.push(`no configured subnet or ip-range contain the IP address ${address}`);
  }
  return errors;
}

function nameErrors(network: Network, { aliases }: EndpointConfig): string[] {
  if (!isPredefined(network.name) || (aliases ?? []).length === 0) return [];
  return ['network-scoped alias is supported only for containers in user defined networks'];
}

function lookUp(ctx: NetworksContext, ref: string): Network | null {
  try {
    return findNetwork(ctx, ref);
  } catch (error) {
    if (error instanceof WharfError) return null;
    throw error;
  }
}
