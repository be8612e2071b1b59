import { conflict, forbidden, invalid } from '../../shared/errors.js';
import { UndoStack } from '../../shared/undo-stack.js';
import type { EndpointConfig } from '../containers/container-config.js';
import { emitEndpoint } from './connect-sandbox.js';
import type { NetworkedContainer } from './container-directory.js';
import { findNetwork } from './find-network.js';
import type { PortWishes } from './lease-ports.js';
import type { Endpoint, Network, Sandbox } from './model.js';
import { movePorts } from './move-ports.js';
import { containersOf, type NetworksContext } from './networks-context.js';
import { setDefaultRoutes } from './default-routes.js';
import { interfaceNameFor, planEndpoint } from './plan-endpoints.js';
import { endpointProblem } from './validate-endpoints.js';
import { openInside, unwireEndpoint, wireEndpoint } from './wire-endpoint.js';

/** Puts a container on one more network, now if it runs, else when it starts. */
export async function connectContainer(
  ctx: NetworksContext,
  ref: string,
  containerRef: string,
  config: EndpointConfig,
): Promise<void> {
  const directory = containersOf(ctx);
  using _ = await ctx.turns.acquire(directory.find(containerRef).id);
  const container = directory.find(containerRef);
  const network = findNetwork(ctx, ref);
  refuse(network, container);
  const problem = endpointProblem(network, config);
  if (problem !== null) throw invalid(problem);
  // Being told the same again does not take away what was asked for at first.
  if (container.networkNames.includes(network.name) && saysNothing(config)) return;
  const sandbox = ctx.sandboxes.get(container.id);
  const endpoint = sandbox ? await attach(ctx, sandbox, network, config, container.ports) : null;
  await directory.connected(container.id, network.name, config, endpoint);
  if (endpoint) emitEndpoint(ctx, 'connect', endpoint);
}

function refuse(network: Network, container: NetworkedContainer): void {
  if (network.configOnly) throw forbidden('cannot create endpoint on configuration-only network');
  if (['host', 'container'].includes(container.networkMode.split(':')[0] ?? '')) {
    throw invalid(
      'container sharing network namespace with another container or host cannot be connected to any other network',
    );
  }
  if (network.driver === 'host') {
    throw invalid('cannot connect container to host network - container must be created in host network mode');
  }
  if (network.driver === 'null' || container.networkNames.includes('none')) {
    throw invalid('container cannot be connected to multiple networks with one of the networks in private (none) mode');
  }
  if (container.networkNames.includes(network.name) && container.running) {
    throw forbidden(`endpoint with name ${container.name} already exists in network ${network.name}`);
  }
}

function saysNothing({ ipamConfig, links, aliases, driverOpts, macAddress, gwPriority }: EndpointConfig): boolean {
  return [ipamConfig, links, aliases, driverOpts].every((one) => one === null) && macAddress === '' && gwPriority === 0;
}

async function attach(
  ctx: NetworksContext,
  sandbox: Sandbox,
  network: Network,
  config: EndpointConfig,
  wishes: PortWishes,
): Promise<Endpoint> {
  const taken = sandbox.endpoints.map(({ interfaceName }) => interfaceName);
  const name = interfaceNameFor({ network, config }, taken);
  const endpoint = planEndpoint(ctx, sandbox, { network, config }, name, '');
  const before = sandbox.endpoints;
  await using undo = new UndoStack(ctx.log);
  using inside = openInside(sandbox.sandboxKey);
  wireEndpoint(ctx, network, endpoint, sandbox.sandboxKey, inside, 0);
  undo.push('interface', () => unwireEndpoint(ctx, endpoint, sandbox.sandboxKey));
  ctx.sandboxes.setEndpoints(sandbox, [...before, endpoint]);
  undo.push('endpoint', () => leave(ctx, sandbox, endpoint));
  setDefaultRoutes(inside, before, sandbox.endpoints);
  await movePorts(ctx, sandbox, before, wishes);
  if (ctx.sandboxes.get(sandbox.containerId) !== sandbox) {
    throw conflict(`container ${sandbox.containerId} is not running`);
  }
  undo.commit();
  ctx.repository.saveSandbox(sandbox);
  ctx.names.index.put(endpoint);
  ctx.names.adjust(sandbox);
  return endpoint;
}

/** Makes the rest of a container's networks what they are without one of them. */
function leave(ctx: NetworksContext, sandbox: Sandbox, endpoint: Endpoint): void {
  const { endpoints } = sandbox;
  if (ctx.sandboxes.get(sandbox.containerId) !== sandbox) return;
  const others = endpoints.filter((one) => one !== endpoint);
  ctx.sandboxes.setEndpoints(sandbox, others);
  using inside = openInside(sandbox.sandboxKey);
  setDefaultRoutes(inside, endpoints, others);
}
