import type { DaemonConfig } from '../config/options.js';
import type { NetworkOptions } from '../engine/networks/networks-context.js';

/** The configuration as the networks take it. */
export function networkOptions(config: DaemonConfig, netnsDir: string): NetworkOptions {
  return {
    netnsDir,
    bridge: config.bridge,
    bip: config.bip,
    fixedCidr: config.fixedCidr,
    defaultGateway: config.defaultGateway,
    mtu: config.mtu === 0 ? 1500 : config.mtu,
    icc: config.icc,
    ipMasq: config.ipMasq,
    ipForward: config.ipForward,
    confineForwarding: !config.ipForwardNoDrop,
    hostIp: config.ip,
    userlandProxy: config.userlandProxy,
    addressPools: config.defaultAddressPools,
  };
}
