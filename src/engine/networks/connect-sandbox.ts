import { join } from 'node:path';
import { writeSysctl } from '../../host/netlink/sysctl.js';
import { openNameService } from '../../host/dns/open-name-service.js';
import { inNetns, removeNetns } from '../../host/sys/namespaces.js';
import { conflict, errorKind, errorMessage, WharfError } from '../../shared/errors.js';
import { randomHex } from '../../shared/random-hex.js';
import { UndoStack } from '../../shared/undo-stack.js';
import { gatewayEndpoint, setDefaultRoutes } from './default-routes.js';
import { isLanEndpoint, removeLanLinks } from './lan-endpoint.js';
import { connectivityError, leasePorts, releasePorts, settleRelays, waysOut } from './lease-ports.js';
import type { ConnectSandboxRequest, Endpoint, Network, Sandbox, SandboxNetwork } from './model.js';
import { type NetworksContext, portRules } from './networks-context.js';
import { interfaceNameFor, planEndpoint, requestedNetworks } from './plan-endpoints.js';
import { needsNameService } from './name-service.js';
import { ensureHostNetns, releaseHostNetns } from './host-netns.js';
import { namespaceFor, sandboxKeyOf } from './reserve-namespace.js';
import { cutEndpoint, wireEndpoint } from './wire-endpoint.js';

/** In a new namespace the loopback is interface 1, so the container's are numbered from here. */
const FIRST_INDEX = 2;

/** Makes and wires the namespace of a container. Everything is taken back when it throws. */
export async function connectSandbox(ctx: NetworksContext, request: ConnectSandboxRequest): Promise<SandboxNetwork> {
  if (request.networkMode.startsWith('container:')) return joinSandbox(ctx, request.networkMode.slice(10));
  try {
    return await makeSandbox(ctx, request);
  } catch (error) {
    const message = `failed to set up container networking: ${errorMessage(error)}`;
    throw new WharfError(errorKind(error), message, { cause: error });
  }
}

/** The namespace of another container; nothing in it is this container's own. */
function joinSandbox(ctx: NetworksContext, containerId: string): SandboxNetwork {
  const other = ctx.sandboxes.get(containerId);
  if (!other) throw conflict(`cannot join network of a non running container: ${containerId}`);
  return {
    netnsPath: other.kind === 'host' ? null : other.sandboxKey,
    sandboxId: '',
    sandboxKey: '',
    endpoints: [],
    ports: [],
  };
}

async function makeSandbox(ctx: NetworksContext, request: ConnectSandboxRequest): Promise<SandboxNetwork> {
  const { containerId } = request;
  if (ctx.sandboxes.has(containerId)) throw conflict(`container ${containerId} has a network sandbox already`);
  await using undo = new UndoStack(ctx.log);
  const sandbox = planSandbox(ctx, request);
  // From here on the addresses are taken; nothing was awaited since they were chosen.
  ctx.sandboxes.put(sandbox);
  undo.push('sandbox', () => void ctx.sandboxes.delete(containerId));

  if (sandbox.kind === 'host') {
    ensureHostNetns(sandbox.sandboxKey);
    undo.push('host namespace', () => releaseHostNetns(ctx, containerId));
  } else {
    wireSandbox(ctx, sandbox, undo);
    await publish(ctx, request, sandbox, undo);
  }
  ctx.repository.saveSandbox(sandbox);
  for (const endpoint of sandbox.endpoints) ctx.names.index.put(endpoint);
  undo.commit();
  return toSandboxNetwork(sandbox);
}

function planSandbox(ctx: NetworksContext, request: ConnectSandboxRequest): Sandbox {
  const sandboxId = ctx.reserved.get(request.containerId)?.sandboxId ?? randomHex(32);
  const requests = requestedNetworks(ctx, request);
  const kind = requests[0]?.network.driver === 'host' ? 'host' : 'private';
  const names: string[] = [];
  const endpoints = requests.map((wanted, index) => {
    const name = interfaceNameFor(wanted, names);
    names.push(name);
    return planEndpoint(ctx, request, wanted, name, index === 0 ? request.macAddress : '');
  });
  return {
    sandboxId,
    sandboxKey: kind === 'host' ? join(ctx.options.netnsDir, 'default') : sandboxKeyOf(ctx, sandboxId),
    containerId: request.containerId,
    containerName: request.containerName,
    hostname: request.hostname,
    kind,
    endpoints,
    ports: [],
  };
}

function wireSandbox(ctx: NetworksContext, sandbox: Sandbox, undo: UndoStack): void {
  const { sandboxKey } = sandbox;
  using inside = namespaceFor(ctx, sandbox);
  undo.push('network namespace', () => removeNetns(sandboxKey));
  if (sandbox.endpoints.some(({ globalIpv6Address }) => globalIpv6Address !== '')) {
    inNetns(sandboxKey, () => writeSysctl('net/ipv6/conf/default/disable_ipv6', 0));
  }
  if (needsNameService(sandbox)) {
    ctx.names.serve(
      sandbox,
      inNetns(sandboxKey, () => openNameService(sandbox.sandboxId, true)),
    );
  }
  undo.push('name service', () => ctx.names.close(sandbox.containerId));
  const wired = sandbox.endpoints.filter(({ interfaceName }) => interfaceName !== '');
  // Links on the host's wire have numbers of the kernel's choosing.
  const isNumbered = !wired.some(isLanEndpoint);
  wired.forEach((endpoint, index) => {
    undo.push('interface', () => {
      cutEndpoint(ctx, endpoint.hostInterface);
      removeLanLinks(sandboxKey, [endpoint]);
    });
    wireEndpoint(ctx, networkOf(ctx, endpoint), endpoint, sandboxKey, inside, isNumbered ? FIRST_INDEX + index : 0);
  });
  setDefaultRoutes(inside, [], wired, isNumbered ? (endpoint) => FIRST_INDEX + wired.indexOf(endpoint) : undefined);
}

async function publish(
  ctx: NetworksContext,
  request: ConnectSandboxRequest,
  sandbox: Sandbox,
  undo: UndoStack,
): Promise<void> {
  const endpoint = gatewayEndpoint(sandbox.endpoints);
  const ways = waysOut(ctx, sandbox.endpoints);
  // On the host's wire a container is reached at its own address, and whatever is published is ignored, as with dockerd.
  if (!endpoint || !(ways[4] ?? ways[6])) return;
  try {
    const leases = leasePorts(ctx, request, ways);
    undo.push('host ports', () => {
      releasePorts(ctx, leases);
      return settleRelays(ctx);
    });
    sandbox.ports = leases;
    const settled = settleRelays(ctx, leases);
    const rules = portRules(leases);
    undo.push('firewall', () => ctx.firewall.unpublish(rules));
    await Promise.all([rules.length > 0 ? ctx.firewall.publish(rules) : undefined, settled]);
  } catch (error) {
    throw connectivityError(request.containerName, endpoint, error);
  }
}

function networkOf(ctx: NetworksContext, { networkId, networkName }: Endpoint): Network {
  const network = ctx.networks.get(networkId);
  if (!network) throw new WharfError('not-found', `network ${networkName} not found`);
  return network;
}

/** Tells of a container that came to a network or left it. */
export function emitEndpoint(ctx: NetworksContext, action: 'connect' | 'disconnect', endpoint: Endpoint): void {
  const driver = ctx.networks.get(endpoint.networkId)?.driver ?? 'bridge';
  const attributes = { container: endpoint.containerId, name: endpoint.networkName, type: driver };
  ctx.emit({ type: 'network', action, actorId: endpoint.networkId, attributes });
}

export function toSandboxNetwork(sandbox: Sandbox): SandboxNetwork {
  return {
    netnsPath: sandbox.kind === 'host' ? null : sandbox.sandboxKey,
    sandboxId: sandbox.sandboxId,
    sandboxKey: sandbox.sandboxKey,
    endpoints: sandbox.endpoints,
    ports: sandbox.ports.map(({ containerPort, proto, hostIp, hostPort, direct }) => ({
      containerPort,
      proto,
      hostIp,
      hostPort,
      ...(direct ? { direct } : {}),
    })),
  };
}
