import { gatewayEndpoint } from './default-routes.js';
import { isLanEndpoint } from './lan-endpoint.js';
import {
  connectivityError,
  leasePorts,
  type PortWishes,
  relayOf,
  releasePorts,
  settleRelays,
  waysOut,
} from './lease-ports.js';
import type { Endpoint, PortLease, Sandbox } from './model.js';
import { type NetworksContext, portRules } from './networks-context.js';

const VERSIONS = [4, 6] as const;

/**
 * Leads a running container's ports through the networks that its ways out go through, when those are others than with the endpoints
 * `before`: at the same ports of the host, without a moment in which they lead nowhere. Without a way out they are given back. Throws as a
 * start does, and then all is as it was. Source: dockerd 28.5, tried.
 */
export async function movePorts(
  ctx: NetworksContext,
  sandbox: Sandbox,
  before: readonly Endpoint[],
  wishes: PortWishes,
): Promise<void> {
  const { endpoints } = sandbox;
  const isSame = VERSIONS.every(
    (version) => gatewayEndpoint(before, version)?.endpointId === gatewayEndpoint(endpoints, version)?.endpointId,
  );
  if (isSame) return;
  const former = sandbox.ports;
  const to = gatewayEndpoint(endpoints);
  sandbox.ports = to ? leaseAgain(ctx, sandbox, to, wishes) : [];
  if (!to) releasePorts(ctx, former);
  const rules = portRules(sandbox.ports);
  const kept = new Set(rules.map(ruleKey));
  await ctx.firewall.publish(rules);
  await ctx.firewall.unpublish(portRules(former).filter((rule) => !kept.has(ruleKey(rule))));
  await settleRelays(ctx, sandbox.ports);
  // The container may have ended, and its ports been given back, before they were published.
  if (ctx.sandboxes.get(sandbox.containerId) !== sandbox) await ctx.firewall.unpublish(rules);
}

/** `to` is for the error's text. */
function leaseAgain(ctx: NetworksContext, sandbox: Sandbox, to: Endpoint, wishes: PortWishes): PortLease[] {
  const former = sandbox.ports;
  releasePorts(ctx, former);
  const ways = waysOut(ctx, sandbox.endpoints);
  if (!ways[4] && !ways[6]) return sandbox.endpoints.every(isLanEndpoint) ? [] : former.map(unpublished);
  try {
    return leasePorts(ctx, withFormerPorts(wishes, former), ways);
  } catch (error) {
    for (const lease of former.filter(({ hostPort }) => hostPort !== 0)) {
      ctx.ports.readopt(lease.proto, lease.hostIp, lease.hostPort, relayOf(ctx, lease)?.[1]);
    }
    throw connectivityError(sandbox.containerName, to, error);
  }
}

/** On the host's own wire nothing is published; beside a bridge the port is said to be there. */
function unpublished({ containerPort, proto }: PortLease): PortLease {
  return { containerPort, proto, hostIp: '', hostPort: 0, containerAddress: '' };
}

/** What was left to chance at first stays what it became. */
function withFormerPorts(wishes: PortWishes, former: readonly PortLease[]): PortWishes {
  const portBindings = { ...wishes.portBindings };
  const leased = former.filter(({ hostPort }) => hostPort !== 0);
  for (const key of new Set(leased.map(({ containerPort, proto }) => `${containerPort}/${proto}`))) {
    const own = leased.filter(({ containerPort, proto }) => `${containerPort}/${proto}` === key);
    const ports = [...new Set(own.map(({ hostPort }) => String(hostPort)))];
    const asked = portBindings[key]?.length ? portBindings[key] : [{ hostIp: '', hostPort: '' }];
    portBindings[key] = asked.map(({ hostIp, hostPort }, index) => ({ hostIp, hostPort: ports[index] ?? hostPort }));
  }
  return { ...wishes, portBindings };
}

type Rule = ReturnType<typeof portRules>[number];

/** A direct port is its container's address; any other is what it is on the host. */
const ruleKey = ({ proto, hostIp, hostPort, containerAddress, containerPort }: Rule): string =>
  hostIp === '' ? `${proto} ${containerAddress} ${containerPort}` : `${proto} ${hostIp} ${hostPort}`;
