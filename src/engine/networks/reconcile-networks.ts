import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { listLinks } from '../../host/netlink/links.js';
import { removeNetns } from '../../host/sys/namespaces.js';
import { hasCode } from '../../shared/errors.js';
import { firewallState, type NetworksContext } from './networks-context.js';
import { settleRelays } from './lease-ports.js';
import { readoptSandbox } from './readopt-sandbox.js';
import { releaseSandbox } from './release-sandbox.js';
import { isVethName, removeVeth } from './wire-endpoint.js';

/** Keeps what belongs to these containers and removes every other trace of ours: leases, namespaces, veths, rules. */
export async function reconcileNetworks(ctx: NetworksContext, running: ReadonlySet<string>): Promise<void> {
  await ctx.relays.open();
  for (const sandbox of [...ctx.sandboxes.values()]) {
    if (running.has(sandbox.containerId)) await readoptSandbox(ctx, sandbox);
    else await releaseSandbox(ctx, sandbox.containerId);
  }
  ctx.relays.dropUnclaimed();
  await settleRelays(ctx).catch((err: unknown) => ctx.log.error({ err }, 'published ports are not relayed'));
  removeOrphanNamespaces(ctx);
  await ctx.survivors.sweep();
  await removeOrphanVeths(ctx);
  await ctx.firewall.sync(firewallState(ctx, false));
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
