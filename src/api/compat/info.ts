import type { VersionGate } from './version-gate.js';

/** Source: Engine API changelog; 1.24's security options as dockerd 28.5 answers them. */
export const INFO_RESPONSE: readonly VersionGate[] = [
  { below: '1.25', change: shortSecurityOptions },
  { path: 'KernelMemory', until: '1.41' },
  { path: 'KernelMemoryTCP', until: '1.51' },
  { path: 'Runtimes.*.status', since: '1.44' },
  { path: 'RegistryConfig.AllowNondistributableArtifactsCIDRs', until: '1.48' },
  { path: 'RegistryConfig.AllowNondistributableArtifactsHostnames', until: '1.48' },
  { path: 'ContainerdCommit.Expected', until: '1.48' },
  { path: 'RuncCommit.Expected', until: '1.48' },
  { path: 'InitCommit.Expected', until: '1.48' },
  { path: 'FirewallBackend', since: '1.49' },
  { path: 'BridgeNfIptables', until: '1.49' },
  { path: 'BridgeNfIp6tables', until: '1.49' },
  { path: 'DiscoveredDevices', since: '1.50' },
];

/** `name=seccomp,profile=builtin` was `seccomp`. */
function shortSecurityOptions(info: { SecurityOptions: string[] }): void {
  info.SecurityOptions = info.SecurityOptions.flatMap((option) => {
    const name = /(?:^|,)name=([^,]+)/.exec(option)?.[1] ?? option;
    return ['seccomp', 'apparmor', 'selinux'].includes(name) ? [name] : [];
  });
}
