import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { listLinks } from '../../host/netlink/links.js';
import { removeNetns } from '../../host/sys/namespaces.js';
import { hasCode } from '../../shared/errors.js';
import { ensureHostNetns } from './host-netns.js';
import { removeStrayLanLinks } from './lan-endpoint.js';
import { relayOf } from './lease-ports.js';
import type { Sandbox } from './model.js';
import { firewallState, type NetworksContext } from './networks-context.js';
import { releaseSandbox } from './release-sandbox.js';
import { isVethName, removeVeth } from './wire-endpoint.js';

/** Keeps what belongs to these containers and removes every other trace of ours: leases, namespaces, veths, rules. */
export async function reconcileNetworks(ctx: NetworksContext, running: ReadonlySet<string>): Promise<void> {
  const hasLans = [...ctx.networks.values()].some(({ parent }) => parent);
  for (const sandbox of [...ctx.sandboxes.values()]) {
    if (running.has(sandbox.containerId)) readopt(ctx, sandbox, hasLans);
    else await releaseSandbox(ctx, sandbox.containerId);
  }
  removeOrphanNamespaces(ctx);
  await ctx.survivors.sweep();
  await removeOrphanVeths(ctx);
  await ctx.firewall.sync(firewallState(ctx, false));
}

function readopt(ctx: NetworksContext, sandbox: Sandbox, hasLans: boolean): void {
  if (sandbox.kind === 'host') ensureHostNetns(sandbox.sandboxKey);
  if (hasLans) removeStrayLanLinks(sandbox);
  for (const endpoint of sandbox.endpoints) ctx.names.index.put(endpoint);
  ctx.names.adjust(sandbox);
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

function removeOrphanNamespaces(ctx: NetworksContext): void {
  const kept = new Set([...ctx.sandboxes.values()].map(({ sandboxKey }) => sandboxKey));
  for (const name of entries(ctx.options.netnsDir)) {
    const path = join(ctx.options.netnsDir, name);
    if (!kept.has(path)) removeNetns(path);
  }
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Only pairs that are on one of our bridges: another engine may use the same kind of name. */
async function removeOrphanVeths(ctx: NetworksContext): Promise<void> {
  const links = listLinks(ctx.routes);
  const bridgeNames = new Set([...ctx.networks.values()].map(({ bridgeName }) => bridgeName));
  const bridges = new Set(links.filter(({ name }) => bridgeNames.has(name)).map(({ index }) => index));
  const kept = new Set(
    [...ctx.sandboxes.values()].flatMap(({ endpoints }) => endpoints.map((one) => one.hostInterface)),
  );
  const orphans = links.filter(
    ({ name, master, kind }) => kind === 'veth' && isVethName(name) && bridges.has(master) && !kept.has(name),
  );
  await Promise.all(orphans.map(({ name }) => removeVeth(ctx, name)));
}
