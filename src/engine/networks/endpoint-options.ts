/** The names of options that clients give a container's place on a network. */
export const ENDPOINT_OPTION = {
  interfaceName: 'com.docker.network.endpoint.ifname',
  sysctls: 'com.docker.network.endpoint.sysctls',
} as const;

/** The docker CLI writes what it is given in small letters. */
const INTERFACE_SYSCTL = /^net\.(ipv4|ipv6|mpls)\.([^.=]+)\.ifname\.([^=]+)=(.*)$/i;

/** Settings of an interface, separated by commas, that are none. */
export function unrecognisedSysctls(driverOpts: Record<string, string>): string[] {
  return settings(driverOpts).filter((setting) => !INTERFACE_SYSCTL.test(setting));
}

/** The settings of an interface as paths below /proc/sys with their values. */
export function interfaceSysctls(
  driverOpts: Record<string, string>,
  interfaceName: string,
): { path: string; value: string }[] {
  return settings(driverOpts).flatMap((setting) => {
    const [, family, group, key, value] = INTERFACE_SYSCTL.exec(setting) ?? [];
    if (key === undefined || value === undefined) return [];
    return [{ path: `net/${family}/${group}/${interfaceName}/${key.replaceAll('.', '/')}`, value }];
  });
}

function settings(driverOpts: Record<string, string>): string[] {
  const text = driverOpts[ENDPOINT_OPTION.sysctls] ?? '';
  return text === '' ? [] : text.split(',');
}
