/** The endpoint's option with sysctls of its interface, `net.ipv4.conf.IFNAME.log_martians=1,…`. */
const OPTION = 'com.docker.network.endpoint.sysctls';
const SETTING = /^(net\.(?:ipv4|ipv6|mpls)\.[^.=]+\.)IFNAME(\.[^=]+)=(.*)$/;

/** What is wrong with the option, in dockerd's words; null: nothing, or it is not there. */
export function endpointSysctlsError(driverOpts: Record<string, string> | null): string | null {
  const wrong = settings(driverOpts).find((setting) => !SETTING.test(setting));
  if (wrong === undefined) return null;
  return `unrecognised network interface sysctl '${wrong}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'`;
}

/** The option's sysctls under their names for this interface. */
export function endpointSysctls(
  driverOpts: Record<string, string> | null,
  interfaceName: string,
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const setting of settings(driverOpts)) {
    const [, before = '', after = '', value = ''] = SETTING.exec(setting) ?? [];
    if (before !== '') found[`${before}${interfaceName}${after}`] = value;
  }
  return found;
}

function settings(driverOpts: Record<string, string> | null): string[] {
  return (driverOpts?.[OPTION] ?? '').split(',').filter((setting) => setting !== '');
}
