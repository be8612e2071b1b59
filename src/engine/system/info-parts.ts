import { isIP } from 'node:net';
import type { CgroupLimits } from '../../host/cgroup/cgroup-limits.js';
import type { SystemSettings } from './system-settings.js';

/** Loopback is always trusted. Source: dockerd's info. */
const LOOPBACK_CIDRS = ['::1/128', '127.0.0.0/8'];

export function splitInsecureRegistries(configured: readonly string[]): { cidrs: string[]; hosts: string[] } {
  const names = configured.map((entry) => entry.replace(/^https?:\/\//i, ''));
  const isCidr = (name: string): boolean => {
    const [address = '', length] = name.split('/');
    return length !== undefined && isIP(address) !== 0;
  };
  return { cidrs: [...LOOPBACK_CIDRS, ...names.filter(isCidr)], hosts: names.filter((name) => !isCidr(name)) };
}

export function securityOptions(settings: SystemSettings, appArmor: boolean): string[] {
  const options = appArmor ? ['name=apparmor'] : [];
  options.push(`name=seccomp,profile=${settings.seccompProfile}`);
  if (settings.cgroupNamespaces) options.push('name=cgroupns');
  if (settings.noNewPrivileges) options.push('name=no-new-privileges');
  return options;
}

/** In dockerd's words, because people search for them. */
export function infoWarnings(
  settings: SystemSettings,
  limits: CgroupLimits,
  version: 1 | 2,
  forwarding: boolean,
): string[] {
  const warnings = settings.insecureAddresses.map(
    (address) =>
      `WARNING: API is accessible on http://${address} without encryption.\n` +
      '         Access to the remote API is equivalent to root access on the host. Refer\n' +
      "         to the 'Docker daemon attack surface' section in the documentation for\n" +
      '         more information: https://docs.docker.com/go/attack-surface/',
  );
  const missing: [boolean, string][] = [
    [limits.memoryLimit, 'memory limit'],
    [limits.swapLimit || !limits.memoryLimit, 'swap limit'],
    [limits.oomKillDisable || version === 2, 'oom kill disable'],
    [limits.cpuCfsQuota, 'cpu cfs quota'],
    [limits.cpuCfsPeriod, 'cpu cfs period'],
    [limits.cpuShares, 'cpu shares'],
    [limits.cpuSet, 'cpuset'],
    [limits.pidsLimit, 'pids limit'],
  ];
  for (const [there, what] of missing) if (!there) warnings.push(`WARNING: No ${what} support`);
  if (!forwarding) warnings.push('WARNING: IPv4 forwarding is disabled');
  return warnings;
}
