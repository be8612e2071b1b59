import { forbidden } from '../../shared/errors.js';
import { removeBridge } from './bridge-interface.js';
import { isConfigInUse } from './config-networks.js';
import { findNetwork, isPredefined } from './find-network.js';
import type { Endpoint, Network } from './model.js';
import { removeParent } from './parent-interface.js';
import { firewallState, type NetworksContext } from './networks-context.js';

/** Removes a network that no running container is on. Throws not-found, or forbidden in dockerd's words. */
export async function removeNetwork(ctx: NetworksContext, ref: string): Promise<void> {
  const network = findNetwork(ctx, ref);
  if (isPredefined(network.name)) throw forbidden(`${network.name} is a pre-defined network and cannot be removed`);
  if (isConfigInUse(ctx, network)) {
    throw forbidden(`error while removing network: configuration network "${network.name}" is in use`);
  }
  const active = activeEndpoints(ctx, network);
  if (active.length > 0) {
    const names = active.map(
      ({ containerName, endpointId }) => `name:"${containerName}" id:"${endpointId.slice(0, 12)}"`,
    );
    throw forbidden(`error while removing network: network ${network.name} has active endpoints (${names.join(', ')})`);
  }
  ctx.networks.delete(network.id);
  try {
    if (network.ownsBridge) removeBridge(ctx, network.bridgeName);
    removeParent(ctx, network);
    if (network.driver === 'bridge') await ctx.firewall.sync(firewallState(ctx, false));
  } catch (error) {
    ctx.networks.set(network.id, network);
    throw error;
  }
  ctx.repository.deleteNetwork(network.id);
  const attributes = { name: network.name, type: network.driver };
  ctx.emit({ type: 'network', action: 'destroy', actorId: network.id, attributes });
}

/** The places of running containers on a network. */
export function activeEndpoints(ctx: NetworksContext, { id }: Network): Endpoint[] {
  return [...ctx.sandboxes.values()].flatMap(({ endpoints }) => endpoints.filter(({ networkId }) => networkId === id));
}
