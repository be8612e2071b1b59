import { existsSync } from 'node:fs';
import { findLink, type Link, setLink } from '../../host/netlink/links.js';
import type { RouteSocket } from '../../host/netlink/route-socket.js';
import { setDefaultRoutes } from './default-routes.js';
import { findNetwork } from './find-network.js';
import { ensureHostNetns } from './host-netns.js';
import { isLanEndpoint, removeStrayLanLinks } from './lan-endpoint.js';
import { relayOf } from './lease-ports.js';
import type { Endpoint, Sandbox } from './model.js';
import { movePorts } from './move-ports.js';
import { containersOf, type NetworksContext } from './networks-context.js';
import { raiseBurst } from './raise-burst.js';
import { openInside, unwireEndpoint, wireEndpoint } from './wire-endpoint.js';

/**
 * Takes up a running container's sandbox where the last daemon left it. What it died in the middle of is ended: a connect that it did not
 * live to tell of is taken back, a disconnect is finished when the store knows of it and else taken back, too.
 */
export async function readoptSandbox(ctx: NetworksContext, sandbox: Sandbox): Promise<void> {
  takePorts(ctx, sandbox);
  if (sandbox.kind === 'host') ensureHostNetns(sandbox.sandboxKey);
  else if (existsSync(sandbox.sandboxKey)) {
    // After a start of the host there is none, and no container either, as will be found.
    try {
      await mendSandbox(ctx, sandbox);
    } catch (err) {
      // One container's trouble must not keep the daemon from the others.
      ctx.log.error({ err, container: sandbox.containerId }, 'a running container may be without network');
    }
  }
  for (const endpoint of sandbox.endpoints) ctx.names.index.put(endpoint);
  ctx.names.adjust(sandbox);
}

/** Leaves the networks that both the sandbox and the container know of. */
async function mendSandbox(ctx: NetworksContext, sandbox: Sandbox): Promise<void> {
  const directory = containersOf(ctx);
  const { id, networkNames, ports } = directory.find(sandbox.containerId);
  const before = sandbox.endpoints;
  const configured = [...ctx.networks.values()].filter(({ name }) => networkNames.includes(name));
  const isConfigured = ({ networkId }: Endpoint): boolean => configured.some((network) => network.id === networkId);
  const [kept, untold] = [before.filter(isConfigured), before.filter((one) => !isConfigured(one))];
  for (const endpoint of untold) await unwireEndpoint(ctx, endpoint, sandbox.sandboxKey);
  if (untold.length > 0) ctx.sandboxes.setEndpoints(sandbox, kept);
  rewire(ctx, sandbox, untold.length > 0);
  if (untold.length > 0) {
    await movePorts(ctx, sandbox, before, ports);
    ctx.repository.saveSandbox(sandbox);
  }
  for (const network of configured) {
    const isWired = network.driver !== 'host' && network.driver !== 'null';
    if (isWired && !kept.some(({ networkId }) => networkId === network.id)) {
      await directory.disconnected(id, network.name);
    }
  }
}

/** Interfaces that are gone or cut off work again. */
function rewire(ctx: NetworksContext, sandbox: Sandbox, wasCut: boolean): void {
  if (!sandbox.endpoints.some(({ interfaceName }) => interfaceName !== '') && !wasCut) return;
  if ([...ctx.networks.values()].some(({ parent }) => parent)) removeStrayLanLinks(sandbox);
  using inside = openInside(sandbox.sandboxKey);
  const mended = sandbox.endpoints.filter((endpoint) => mend(ctx, sandbox, endpoint, inside));
  if (wasCut || mended.length > 0) setDefaultRoutes(inside, [], sandbox.endpoints);
}

/** Returns whether it had to be. */
function mend(ctx: NetworksContext, sandbox: Sandbox, endpoint: Endpoint, inside: RouteSocket): boolean {
  const { hostInterface, interfaceName, networkId } = endpoint;
  if (interfaceName === '') return false;
  const link = isLanEndpoint(endpoint) ? findLink(inside, interfaceName) : findLink(ctx.routes, hostInterface);
  if (link && !isLanEndpoint(endpoint)) raiseBursts(ctx, endpoint, link, inside);
  if (!link) wireEndpoint(ctx, findNetwork(ctx, networkId), endpoint, sandbox.sandboxKey, inside, 0);
  else if (isLanEndpoint(endpoint) || link.up) return false;
  else ctx.routes.request(setLink(hostInterface, { up: true }));
  return true;
}

/** Both ends of a pair that an older daemon made. */
function raiseBursts(ctx: NetworksContext, endpoint: Endpoint, link: Link, inside: RouteSocket): void {
  const network = findNetwork(ctx, endpoint.networkId);
  raiseBurst(ctx.routes, network, link);
  const peer = network.internal ? findLink(inside, endpoint.interfaceName) : null;
  if (peer) raiseBurst(inside, network, peer);
}

function takePorts(ctx: NetworksContext, sandbox: Sandbox): void {
  for (const lease of sandbox.ports) {
    const { proto, hostIp, hostPort } = lease;
    if (hostPort === 0) continue;
    try {
      ctx.ports.readopt(proto, hostIp, hostPort, relayOf(ctx, lease)?.[1]);
    } catch (err) {
      // The firewall leads the port to the container all the same, so it goes on to work for those who come over the network.
      ctx.log.warn({ err, container: sandbox.containerId }, 'a published port was taken while the daemon was away');
    }
  }
}
