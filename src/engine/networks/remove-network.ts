import { forbidden } from '../../shared/errors.js';
import { isConfigInUse } from './config-networks.js';
import { findNetwork, isPredefined } from './find-network.js';
import type { Endpoint, Network } from './model.js';
import { removeParent } from './parent-interface.js';
import type { NetworksContext } from './networks-context.js';

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
  try {
    await forgetNetwork(ctx, network);
  } catch (error) {
    ctx.networks.set(network.id, network);
    throw error;
  }
  if (network.driver === 'bridge') await forgetBridge(ctx, network.bridgeName);
  // As dockerd: nothing was there that could go.
  if (network.configOnly) return;
  const attributes = { name: network.name, type: network.driver };
  ctx.emit({ type: 'network', action: 'destroy', actorId: network.id, attributes });
}

/** An interface that is gone can do no harm in the firewall's sets, and the next change there writes everything anew. */
async function forgetBridge(ctx: NetworksContext, name: string): Promise<void> {
  try {
    await ctx.firewall.removeBridge(name);
  } catch (err) {
    ctx.log.warn({ err, bridge: name }, 'the firewall still knows the bridge of a network that is gone');
  }
}

/** Removes a network's interface and then what is known of it; until then nobody can have what is its. */
export async function forgetNetwork(ctx: NetworksContext, network: Network): Promise<void> {
  ctx.networks.delete(network.id);
  ctx.leaving.set(network.id, network);
  try {
    if (network.ownsBridge) await ctx.links.remove(network.bridgeName);
    removeParent(ctx, network);
    ctx.repository.deleteNetwork(network.id);
  } finally {
    ctx.leaving.delete(network.id);
  }
}

/** The places of running containers on a network. */
export function activeEndpoints(ctx: NetworksContext, { id }: Network): readonly Endpoint[] {
  return ctx.sandboxes.endpointsOn(id);
}
