import { readSysctl, writeSysctl } from '../../host/netlink/sysctl.js';
import type { NetworksContext } from './networks-context.js';

const FORWARDING = { v4: 'net/ipv4/ip_forward', v6: 'net/ipv6/conf/all/forwarding' };

/**
 * Makes the host pass on what comes from our bridges and goes to them, IPv6 only if one of them speaks it. Returns whether it passed
 * nothing on before, so that it should go on to do so for others than us.
 */
export function switchForwardingOn({ options, networks }: NetworksContext): boolean {
  if (!options.ipForward) return false;
  const v6 = [...networks.values()].some(({ enableIpv6, driver }) => enableIpv6 && driver === 'bridge');
  const v4Changed = writeSysctl(FORWARDING.v4, 1);
  const v6Changed = v6 && readSysctl(FORWARDING.v6) === '0' && writeSysctl(FORWARDING.v6, 1);
  return (v4Changed || v6Changed) && options.confineForwarding;
}
