import { errorKind, errorMessage, invalid, WharfError } from '../../shared/errors.js';
import type { ContainerNetworkState } from './container.js';
import type { ContainersContext } from './containers-context.js';
import { emitContainerEvent } from './containers-context.js';
import { holdContainer } from './hold-container.js';
import { checkName } from './validate-config.js';

/** Gives a container another name; the old one is free at once. */
export async function renameContainer(ctx: ContainersContext, ref: string, newName: string): Promise<void> {
  if (ref === '' || newName === '') throw invalid('Neither old nor new names may be empty');
  using held = await holdContainer(ctx, ref);
  const { entry } = held;
  const oldName = entry.name;
  if (newName.replace(/^\//, '') === oldName) {
    throw invalid('Renaming a container with the same name as its current name');
  }
  let name: string;
  try {
    name = checkName(newName.startsWith('/') ? newName : `/${newName}`);
    ctx.registry.reserveName(name, entry.id);
  } catch (error) {
    throw new WharfError(errorKind(error), `Error when allocating new name: ${errorMessage(error)}`, { cause: error });
  }
  try {
    ctx.registry.save(entry, { name, network: withName(entry.container.network, oldName, name) });
  } catch (error) {
    ctx.registry.releaseName(name, entry.id);
    throw error;
  }
  ctx.registry.releaseName(oldName, entry.id);
  renameInLinks(ctx, oldName, name);
  ctx.deps.networks.rename(entry.id, name);
  emitContainerEvent(ctx, entry, 'rename', { oldName: `/${oldName}` });
}

/** The networks that others find the container on by its name. */
function withName(network: ContainerNetworkState, oldName: string, name: string): ContainerNetworkState {
  const networks = Object.entries(network.networks).map(([key, endpoint]) => {
    const dnsNames = endpoint.dnsNames?.map((one) => (one === oldName ? name : one)) ?? null;
    return [key, { ...endpoint, dnsNames }] as const;
  });
  return { ...network, networks: Object.fromEntries(networks) };
}

/** Those who link to a container by its name go on doing so. */
function renameInLinks(ctx: ContainersContext, oldName: string, name: string): void {
  for (const other of ctx.registry.all()) {
    const { hostConfig } = other.container;
    const links = hostConfig.links.map((link) => {
      const [target = '', ...alias] = link.split(':');
      if (target.replace(/^\//, '') !== oldName) return link;
      return [target.startsWith('/') ? `/${name}` : name, ...(alias.length > 0 ? alias : [oldName])].join(':');
    });
    if (links.some((link, index) => link !== hostConfig.links[index])) {
      ctx.registry.save(other, { hostConfig: { ...hostConfig, links } });
    }
  }
}
