import { isIP, isIPv4, isIPv6 } from 'node:net';
import { internal, invalid } from '../../shared/errors.js';
import type { Network } from './model.js';

const BRIDGE = 'com.docker.network.bridge.';

/** The names of options that clients give a network. */
export const NETWORK_OPTION = {
  bridgeName: `${BRIDGE}name`,
  icc: `${BRIDGE}enable_icc`,
  masquerade: `${BRIDGE}enable_ip_masquerade`,
  hostBinding: `${BRIDGE}host_binding_ipv4`,
  gatewayMode4: `${BRIDGE}gateway_mode_ipv4`,
  gatewayMode6: `${BRIDGE}gateway_mode_ipv6`,
  inhibitIpv4: `${BRIDGE}inhibit_ipv4`,
  trustedInterfaces: `${BRIDGE}trusted_host_interfaces`,
  mtu: 'com.docker.network.driver.mtu',
  interfacePrefix: 'com.docker.network.container_iface_prefix',
  hostIpv4: 'com.docker.network.host_ipv4',
  hostIpv6: 'com.docker.network.host_ipv6',
  enableIpv4: 'com.docker.network.enable_ipv4',
  enableIpv6: 'com.docker.network.enable_ipv6',
} as const;

/**
 * How a bridge network's containers are reached: `nat` by published ports at the host's addresses; `nat-unprotected` also directly, at
 * any port; `routed` directly at published ports, without translation; `isolated` not even by the host, which has no address there.
 */
export type GatewayMode = 'nat' | 'nat-unprotected' | 'routed' | 'isolated';

const GATEWAY_MODES: readonly string[] = ['nat', 'nat-unprotected', 'routed', 'isolated'];

/** Throws in dockerd's words when an option of a bridge network can't be understood. */
export function checkBridgeOptions(options: Record<string, string>, isInternal: boolean): void {
  for (const [key, value] of Object.entries(options)) {
    const problem = problemOf(key, value);
    if (problem !== null) throw invalid(`failed to parse ${key} value: ${value} (${problem})`);
  }
  const mtu = options[NETWORK_OPTION.mtu];
  if (mtu !== undefined && Number(mtu) < 0) throw invalid(`invalid MTU number: ${mtu}`);
  const modes = [options[NETWORK_OPTION.gatewayMode4], options[NETWORK_OPTION.gatewayMode6]];
  if (modes.includes('isolated') && !isInternal) {
    throw internal("gateway mode 'isolated' can only be used for an internal network");
  }
}

function problemOf(key: string, value: string): string | null {
  switch (key) {
    case NETWORK_OPTION.icc:
    case NETWORK_OPTION.masquerade:
    case NETWORK_OPTION.inhibitIpv4:
      return parseBoolean(value) === null
        ? `strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`
        : null;
    case NETWORK_OPTION.mtu:
      return /^[+-]?\d+$/.test(value) ? null : `strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`;
    case NETWORK_OPTION.hostBinding:
      return isIP(value) ? null : 'nil ip';
    case NETWORK_OPTION.hostIpv4:
      return isIPv4(value) ? null : 'nil ip';
    case NETWORK_OPTION.hostIpv6:
      return isIPv6(value) ? null : 'nil ip';
    case NETWORK_OPTION.gatewayMode4:
    case NETWORK_OPTION.gatewayMode6:
      return GATEWAY_MODES.includes(value) ? null : `unknown gateway mode ${value}`;
    default:
      return null;
  }
}

/** Source: Go, strconv.ParseBool. null: neither. */
export function parseBoolean(text: string): boolean | null {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  return ['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text) ? false : null;
}

/** An option that says whether a family is used; null when it is not given. */
export function familyOption(options: Record<string, string>, key: string): boolean | null {
  const value = options[key];
  if (value === undefined) return null;
  const parsed = parseBoolean(value);
  if (parsed === null) throw invalid(`driver-opt ${JSON.stringify(key)} is not a valid bool`);
  return parsed;
}

/** A yes-or-no option of a network. */
export function flag(network: Pick<Network, 'options'>, name: string, fallback: boolean): boolean {
  return parseBoolean(network.options[name] ?? '') ?? fallback;
}

export function gatewayMode({ options }: Pick<Network, 'options'>, version: 4 | 6): GatewayMode {
  return (options[version === 4 ? NETWORK_OPTION.gatewayMode4 : NETWORK_OPTION.gatewayMode6] ?? 'nat') as GatewayMode;
}

/** Interfaces of the host whose callers may go to published ports directly: names with colons between. */
export function trustedInterfaces({ options }: Pick<Network, 'options'>): string[] {
  const names = (options[NETWORK_OPTION.trustedInterfaces] ?? '').split(':');
  return [...new Set(names)].filter((name) => name !== '' && Buffer.byteLength(name) < 16);
}

/** 0 (dockerd's way to say nothing) is the usual one. */
export function mtuOf({ options }: Pick<Network, 'options'>): number {
  return Number(options[NETWORK_OPTION.mtu] ?? 0) || 1500;
}
