import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { hostResolvConf } from '../networks/host-resolv-conf.js';
import {
  changeLines,
  ownNames,
  parseExtraHosts,
  renderHostname,
  renderHosts,
  type HostsEntry,
} from '../networks/hosts-file.js';
import type { SandboxNetwork } from '../networks/model.js';
import { renderResolvConf, type ResolvConfMode } from '../networks/resolv-conf.js';
import type { Container } from './container.js';
import { runFiles } from './container-paths.js';
import type { ContainersContext } from './containers-context.js';
import { linkHosts } from './links.js';

const LARGEST_EDITED_BYTES = 1024 ** 2;

/**
 * Writes what is bound into a container as /etc/hostname, /etc/hosts and /etc/resolv.conf, for the networks that it was just given. Made here,
 * at its first start, all three have the mode that its programs need, 0644.
 */
export function writeNetworkFiles(ctx: ContainersContext, container: Container, sandbox: SandboxNetwork): void {
  if (container.hostConfig.networkMode.startsWith('container:')) return;
  writeFileSync(container.hostnamePath, renderHostname(container.config.hostname));
  writeFileSync(container.hostsPath, hostsText(ctx, container, sandbox));
  writeResolvConf(ctx, container, sandbox);
}

/** Makes the files empty, for a runtime that binds them before it is known what belongs into them. Those that are there stay as they are. */
export function makeNetworkFiles({
  hostnamePath,
  hostsPath,
  resolvConfPath,
}: Pick<Container, 'hostnamePath' | 'hostsPath' | 'resolvConfPath'>): void {
  for (const path of [hostnamePath, hostsPath, resolvConfPath]) writeFileSync(path, '', { flag: 'a' });
}

/**
 * Follows a running container that came to a network or left one: the lines of its addresses there come and go in /etc/hosts, whatever else
 * is in the file by now, and /etc/resolv.conf is written again unless somebody has changed it. Both are changed in place, since they are
 * bound into the container.
 */
export function refreshNetworkFiles(
  ctx: ContainersContext,
  container: Container,
  sandbox: SandboxNetwork,
  { came = [], left = [] }: { came?: readonly string[]; left?: readonly string[] },
): void {
  const names = ownNames(container.config.hostname, container.config.domainname);
  const lines = (addresses: readonly string[]): string[] => addresses.map((address) => `${address}\t${names}`);
  const before = editable(container.hostsPath);
  if (before !== null) {
    const after = changeLines(before, lines(came), lines(left));
    if (after !== before) writeFileSync(container.hostsPath, after);
  }
  if (isAsWritten(ctx, container)) writeResolvConf(ctx, container, sandbox);
}

function writeResolvConf(ctx: ContainersContext, container: Container, sandbox: SandboxNetwork): void {
  const text = resolvConfText(ctx, container, sandbox);
  writeFileSync(container.resolvConfPath, text);
  writeFileSync(runFiles(ctx.deps.paths, container.id).resolvConf, text);
}

/** Whether nobody has changed the file since. Without the copy, which former versions did not keep, nobody has. */
function isAsWritten(ctx: ContainersContext, container: Container): boolean {
  const { resolvConf } = runFiles(ctx.deps.paths, container.id);
  return !existsSync(resolvConf) || editable(container.resolvConfPath) === readFileSync(resolvConf, 'utf8');
}

/** A file that the container's programs may have written to; null when they have made it so large that it is none of ours any more. */
function editable(path: string): string | null {
  return statSync(path).size > LARGEST_EDITED_BYTES ? null : readFileSync(path, 'utf8');
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
  const either = (own: readonly string[], daemon: readonly string[]): readonly string[] =>
    own.length > 0 ? own : daemon;
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
