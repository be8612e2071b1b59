import { errorKind, hasCode, internal, invalid, notFound, WharfError } from '../../shared/errors.js';
import type { ContainerDirectory, NetworkedContainer } from './container-directory.js';
import { emitEndpoint } from './connect-sandbox.js';
import { findNetwork } from './find-network.js';
import type { PortWishes } from './lease-ports.js';
import type { Endpoint, Sandbox } from './model.js';
import { movePorts } from './move-ports.js';
import { containersOf, type NetworksContext } from './networks-context.js';
import { setDefaultRoutes } from './default-routes.js';
import { cutOff, openInside, removeVeth } from './wire-endpoint.js';

/** Takes a container off a network. With `force` also one that is known no more. */
export async function disconnectContainer(
  ctx: NetworksContext,
  ref: string,
  containerRef: string,
  force: boolean,
): Promise<void> {
  const directory = containersOf(ctx);
  findNetwork(ctx, ref);
  using _ = await ctx.turns.acquire(findContainer(directory, containerRef, force).id);
  const network = findNetwork(ctx, ref);
  const container = findContainer(directory, containerRef, force);
  const sandbox = ctx.sandboxes.get(container.id);
  const endpoint = sandbox?.endpoints.find(({ networkId }) => networkId === network.id);
  const isConfigured = container.networkNames.includes(network.name);
  if (isConfigured && network.driver === 'host') {
    throw invalid('cannot disconnect container from host network - container was created in host network mode');
  }
  if (!endpoint && !isConfigured) {
    const which = container.running ? 'network' : 'the network';
    throw internal(`container ${container.id} is not connected to ${which} ${network.name}`);
  }
  if (sandbox && endpoint) await detach(ctx, sandbox, endpoint, container.ports);
  if (isConfigured) await directory.disconnected(container.id, network.name);
  if (endpoint) emitEndpoint(ctx, 'disconnect', endpoint);
}

function findContainer(directory: ContainerDirectory, ref: string, force: boolean): NetworkedContainer {
  try {
    return directory.find(ref);
  } catch (error) {
    if (force && errorKind(error) === 'not-found') throw notFound(`endpoint ${ref} not found`);
    throw error;
  }
}

async function detach(ctx: NetworksContext, sandbox: Sandbox, endpoint: Endpoint, wishes: PortWishes): Promise<void> {
  ctx.names.index.drop(endpoint);
  cutOff(ctx, endpoint, sandbox.sandboxKey);
  const { endpoints } = sandbox;
  ctx.sandboxes.setEndpoints(
    sandbox,
    endpoints.filter((one) => one !== endpoint),
  );
  try {
    using inside = openInside(sandbox.sandboxKey);
    setDefaultRoutes(inside, endpoints, sandbox.endpoints);
  } catch (error) {
    if (error instanceof WharfError || !hasCode(error, 'ENOENT', 'ESRCH')) throw error;
  }
  try {
    await movePorts(ctx, sandbox, endpoints, wishes);
  } catch (err) {
    // It has left all the same.
    ctx.log.error({ err, container: sandbox.containerId }, 'published ports lead nowhere any more');
  }
  // Where the container ended meanwhile, everything went with its sandbox.
  if (ctx.sandboxes.get(sandbox.containerId) === sandbox) {
    ctx.names.adjust(sandbox);
    ctx.repository.saveSandbox(sandbox);
  }
  await removeVeth(ctx, endpoint.hostInterface);
}
