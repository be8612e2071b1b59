import { readFileSync, writeFileSync } from 'node:fs';
import { conflict, errorKind, errorMessage, internal, invalid, notFound } from '../../shared/errors.js';
import type { HostsEntry } from '../networks/hosts-file.js';
import type { HostConfig } from './container-config.js';
import type { Container } from './container.js';
import type { ContainerEntry } from './container-entry.js';
import type { ContainersContext } from './containers-context.js';
import { parseLink, parseLinkName } from './link-text.js';

/** A `--link`: another container under a name of this one's own. */
export interface Link {
  entry: ContainerEntry;
  alias: string;
}

/**
 * The links of a create request as they are kept, `<id>:<alias>`, so that they go on meaning the same containers whatever those
 * are called. Of several for one alias the first stays. Networks that users made don't know these links: none are kept there, nor even
 * looked at. Throws dockerd's words for a container that does not exist, and for one on the host's network.
 */
export function resolveLinks(ctx: ContainersContext, host: HostConfig): string[] {
  if (!['default', 'bridge', 'none'].includes(host.networkMode)) return [];
  const links = new Map<string, string>();
  for (const text of host.links) {
    const { ref, alias } = parseLink(text);
    const target = findTarget(ctx, ref);
    if (target.container.hostConfig.networkMode === 'host') {
      throw invalid(
        "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
      );
    }
    if (alias !== '' && !links.has(alias)) links.set(alias, target.id);
  }
  return [...links].map(([alias, id]) => `${id}:${alias}`);
}

function findTarget(ctx: ContainersContext, ref: string): ContainerEntry {
  try {
    if (ref === '') throw invalid('invalid name or ID supplied: ""');
    const found = ctx.registry.find(ref);
    const { networkMode } = found.container.hostConfig;
    // Who has somebody else's network is linked to by linking to that one.
    return networkMode.startsWith('container:') ? findTarget(ctx, networkMode.slice('container:'.length)) : found;
  } catch (error) {
    if (!['not-found', 'invalid'].includes(errorKind(error))) throw error;
    throw invalid(`could not get container for ${ref}: ${errorMessage(error)}`);
  }
}

/** The links of a container whose targets still exist. */
export function linksOf(ctx: ContainersContext, { hostConfig }: Container): Link[] {
  return hostConfig.links.flatMap((text) => {
    const { ref, alias } = parseLink(text);
    try {
      return [{ entry: ctx.registry.find(ref), alias }];
    } catch (error) {
      if (errorKind(error) === 'not-found') return [];
      throw error;
    }
  });
}

/** The container with its links as clients know them: `/name:/parent/alias`, also to those that exist no more. */
export function withShownLinks(ctx: ContainersContext, container: Container): Container {
  if (container.hostConfig.links.length === 0) return container;
  const found = linksOf(ctx, container);
  const links = container.hostConfig.links.map(parseLink).map(({ ref, alias }) => {
    const name = found.find((link) => link.alias === alias)?.entry.name ?? ref;
    return `/${name}:/${container.name}/${alias}`;
  });
  return { ...container, hostConfig: { ...container.hostConfig, links } };
}

/**
 * Throws internal, as dockerd says it, when one of the containers that this one is linked to does not run, or is not on the default bridge.
 * One that is not there itself has no use for its links.
 */
export function requireLinked(ctx: ContainersContext, container: Container): void {
  if (!isOnBridge(container)) return;
  const links = linksOf(ctx, container);
  const stopped = links.find(({ entry }) => !entry.container.state.running);
  const lost = container.hostConfig.links
    .map(parseLink)
    .find(({ alias }) => !links.some((link) => link.alias === alias));
  const elsewhere = links.find(({ entry }) => !isOnBridge(entry.container));
  if (elsewhere && !stopped) throw internal(`container ${elsewhere.entry.id} not attached to default bridge network`);
  const [name, alias] = stopped ? [stopped.entry.name, stopped.alias] : [lost?.ref, lost?.alias];
  if (alias === undefined) return;
  throw internal(`Cannot link to a non running container: /${name} AS /${container.name}/${alias}`);
}

/** Links are the default bridge's. */
const isOnBridge = ({ network }: Container): boolean => network.networks['bridge'] !== undefined;

/**
 * The variables that tell a process of the containers that its own is linked to: names, addresses, ports and environments. Source: what
 * dockerd 28.5 sets.
 */
export function linkEnv(ctx: ContainersContext, container: Container): string[] {
  if (!isOnBridge(container)) return [];
  return linksOf(ctx, container).flatMap(({ entry: { container: other }, alias }) => {
    const prefix = alias.toUpperCase().replaceAll('-', '_');
    const address = linkAddress(other);
    const ports = other.config.exposedPorts.map((key) => key.split('/') as [string, string]).sort(byPort);
    const [first] = ports;
    const url = (port: string, proto: string): string => `${proto}://${address}:${port}`;
    return [
      ...(first ? [`${prefix}_PORT=${url(...first)}`] : []),
      ...ports.flatMap(([port, proto]) => {
        const name = `${prefix}_PORT_${port}_${proto.toUpperCase()}`;
        return [
          `${name}=${url(port, proto)}`,
          `${name}_ADDR=${address}`,
          `${name}_PORT=${port}`,
          `${name}_PROTO=${proto}`,
        ];
      }),
      `${prefix}_NAME=/${container.name}/${alias}`,
      ...other.config.env.filter((entry) => !/^(HOME|PATH)=/.test(entry)).map((entry) => `${prefix}_ENV_${entry}`),
    ];
  });
}

function byPort([port, proto]: [string, string], [otherPort, otherProto]: [string, string]): number {
  return Number(port) - Number(otherPort) || (proto < otherProto ? -1 : 1);
}

function linkAddress({ network }: Container): string {
  return network.networks['bridge']?.ipAddress ?? '';
}

/** The lines of a container's /etc/hosts for its links: alias, hostname and name of each. */
export function linkHosts(ctx: ContainersContext, container: Container): HostsEntry[] {
  if (!isOnBridge(container)) return [];
  return linksOf(ctx, container).flatMap(({ entry: { container: other }, alias }) => {
    const address = linkAddress(other);
    const names = [...new Set([alias, other.config.hostname, other.name])].join(' ');
    return address === '' ? [] : [{ address, names }];
  });
}

/** Tells the containers that run and are linked to this one, which has just started, of its address, in their /etc/hosts. */
export function refreshLinkHosts(ctx: ContainersContext, { id }: ContainerEntry): void {
  for (const { container } of ctx.registry.all()) {
    if (!container.state.running || !container.hostConfig.links.some((link) => link.startsWith(id))) continue;
    try {
      rewriteLinkHosts(ctx, container);
    } catch (err) {
      ctx.deps.log.error({ err, container: container.id }, 'cannot tell a container of a new address of its link');
    }
  }
}

function rewriteLinkHosts(ctx: ContainersContext, container: Container): void {
  for (const { address, names } of linkHosts(ctx, container)) {
    // The name at the end may be an older one of the linked container.
    rewriteHosts(container, names, (line) => line.replace(/^\S+/, address));
  }
}

/** Changes the lines of a running container's /etc/hosts that a link with these names has; in place: the file is bound into the container. */
function rewriteHosts({ hostsPath }: Container, names: string, change: (line: string) => string): void {
  const own = names.split(' ').slice(0, 2).join(' ');
  const before = readFileSync(hostsPath, 'utf8');
  const after = before.replace(/^\S+\t(.*)\n/gm, (line, found: string) =>
    found === own || found.startsWith(`${own} `) ? change(line) : line,
  );
  if (after !== before) writeFileSync(hostsPath, after);
}

/**
 * Takes the link `/parent/alias` away, and its line in the hosts of a parent that runs. Throws not-found, or conflict for what is a
 * container's own name.
 */
export function removeLink(ctx: ContainersContext, name: string): void {
  const link = parseLinkName(name);
  if (!link && !name.replace(/^\//, '').includes('/') && ctx.registry.find(name)) {
    throw conflict('Conflict, cannot remove the default link name of the container');
  }
  const parent = link && ctx.registry.all().find((entry) => entry.name === link.parentName);
  const kept = parent?.container.hostConfig.links.filter((text) => parseLink(text).alias !== link?.alias);
  if (!parent || !kept || kept.length === parent.container.hostConfig.links.length) {
    throw notFound(`No such container: ${name}`);
  }
  const { container } = parent;
  const gone = linkHosts(ctx, container).find(({ names }) => names.split(' ', 1)[0] === link?.alias);
  ctx.registry.save(parent, { hostConfig: { ...container.hostConfig, links: kept } });
  if (container.state.running && gone) rewriteHosts(container, gone.names, () => '');
}

/**
 * A container is going: links to it are from now on links to one of its name, of which there may be another some day. Never throws; where
 * it can't be stored, on a full disk for instance, the link goes on meaning the one that was.
 */
export function keepLinksByName(ctx: ContainersContext, { id, name }: ContainerEntry): void {
  for (const entry of ctx.registry.all()) {
    const { hostConfig } = entry.container;
    if (!hostConfig.links.some((link) => link.startsWith(`${id}:`))) continue;
    const links = hostConfig.links.map((link) =>
      link.startsWith(`${id}:`) ? `${name}${link.slice(id.length)}` : link,
    );
    try {
      ctx.registry.save(entry, { hostConfig: { ...hostConfig, links } });
    } catch (err) {
      ctx.deps.log.warn({ err, container: entry.id, link: id }, 'cannot keep a link by its name');
    }
  }
}
