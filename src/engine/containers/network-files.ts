import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { hostResolvConf } from '../networks/host-resolv-conf.js';
import { ownNames, parseExtraHosts, renderHosts, type HostsEntry } from '../networks/hosts-file.js';
import type { SandboxNetwork } from '../networks/model.js';
import { renderResolvConf, type ResolvConfMode } from '../networks/resolv-conf.js';
import type { Container } from './container.js';
import type { ContainersContext } from './containers-context.js';
import { linkHosts } from './links.js';

/** Writes /etc/hosts and /etc/resolv.conf of a container for the networks that it was just given. */
export function writeNetworkFiles(ctx: ContainersContext, container: Container, sandbox: SandboxNetwork): void {
  if (container.hostConfig.networkMode.startsWith('container:')) return;
  writeFileSync(container.hostsPath, hostsText(ctx, container, sandbox));
  writeFileSync(container.resolvConfPath, resolvConfText(ctx, container, sandbox));
}

function hostsText(ctx: ContainersContext, container: Container, sandbox: SandboxNetwork): string {
  const { config, hostConfig } = container;
  if (hostConfig.networkMode === 'host') {
    const extra = parseExtraHosts(hostConfig.extraHosts, hostGateways(ctx));
    const text = existsSync('/etc/hosts') ? readFileSync('/etc/hosts', 'utf8') : renderHosts([], []);
    return [text.trimEnd(), ...extra.map(({ address, names }) => `${address}\t${names}`), ''].join('\n');
  }
  const names = ownNames(config.hostname, config.domainname);
  const own: HostsEntry[] = sandbox.endpoints
    .flatMap(({ ipAddress, globalIpv6Address }) => [ipAddress, globalIpv6Address])
    .filter((address) => address !== '')
    .map((address) => ({ address, names }));
  const extra = parseExtraHosts(hostConfig.extraHosts, hostGateways(ctx));
  return renderHosts([...extra, ...linkHosts(ctx, container)], own);
}

/** `host-gateway`: as configured, or the host's own addresses on the default bridge. */
function hostGateways({ deps }: ContainersContext): string[] {
  return deps.defaults.hostGatewayIps.length > 0 ? deps.defaults.hostGatewayIps : deps.networks.bridgeAddresses();
}

function resolvConfText(ctx: ContainersContext, container: Container, sandbox: SandboxNetwork): string {
  const { hostConfig } = container;
  const { defaults } = ctx.deps;
  const { path, text } = hostResolvConf();
  const either = (own: string[], daemon: string[]): string[] => (own.length > 0 ? own : daemon);
  const overrides = {
    nameservers: either(hostConfig.dns, defaults.dns),
    search: either(hostConfig.dnsSearch, defaults.dnsSearch),
    options: either(hostConfig.dnsOptions, defaults.dnsOptions),
  };
  const hasIpv6 = sandbox.endpoints.some(({ globalIpv6Address }) => globalIpv6Address !== '');
  return renderResolvConf(text, path, overrides, resolvConfMode(container, sandbox), hasIpv6);
}

function resolvConfMode({ hostConfig }: Container, sandbox: SandboxNetwork): ResolvConfMode {
  if (hostConfig.networkMode === 'host') return 'host';
  return sandbox.endpoints.some(({ networkName }) => !['bridge', 'none', 'host'].includes(networkName))
    ? 'internal'
    : 'copy';
}
