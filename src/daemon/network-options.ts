import type { DaemonConfig } from '../config/options.js';
import type { NetworkOptions } from '../engine/networks/networks-context.js';

/** The configuration as the networks take it. */
export function networkOptions(config: DaemonConfig, netnsDir: string): NetworkOptions {
  return {
    netnsDir,
    bridge: config.bridge,
    bip: config.bip,
    bip6: config.bip6,
    fixedCidr: config.fixedCidr,
    fixedCidrV6: config.fixedCidrV6,
    defaultGateway: config.defaultGateway,
    defaultGatewayV6: config.defaultGatewayV6,
    ipv6: config.ipv6,
    mtu: config.mtu === 0 ? 1500 : config.mtu,
    icc: config.icc,
    ipMasq: config.ipMasq,
    ipForward: config.ipForward,
    confineForwarding: !config.ipForwardNoDrop,
    hostIp: config.ip,
    userlandProxy: config.userlandProxy,
    addressPools: config.defaultAddressPools,
    defaultNetworkOptions: config.defaultNetworkOpts,
    allowDirectRouting: config.allowDirectRouting,
    acceptMark: config.bridgeAcceptFwmark,
    ip6tables: config.ip6tables,
  };
}
