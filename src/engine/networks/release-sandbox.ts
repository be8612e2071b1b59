import { removeNetnsOnThread } from '../../host/sys/namespaces.js';
import { findLink } from '../../host/netlink/links.js';
import type { Logger } from '../../shared/logger.js';
import { emitEndpoint } from './connect-sandbox.js';
import { releaseHostNetns } from './host-netns.js';
import { removeLanLinks } from './lan-endpoint.js';
import { releasePorts, settleRelays } from './lease-ports.js';
import type { Sandbox } from './model.js';
import { type NetworksContext, portRules } from './networks-context.js';
import { cutEndpoint, removeVeth } from './wire-endpoint.js';

/** By then the kernel has removed the pairs of namespaces that nobody uses any more, many at a time. */
const SURVIVORS_AFTER_MS = 500;

/** Unpublishes a container's ports, cuts it off and removes its namespace. Without a sandbox it does nothing. */
export async function releaseSandbox(ctx: NetworksContext, containerId: string): Promise<void> {
  const { removeNamespace } = await leaveNetworks(ctx, containerId);
  await removeNamespace();
}

/** Of a sandbox that has left its networks. */
export interface LeftSandbox {
  /** Removes what is left, the namespace. Is to be called; never rejects. */
  readonly removeNamespace: () => Promise<void>;
}

export const NOTHING_LEFT: LeftSandbox = { removeNamespace: async () => undefined };

/**
 * The same, but only as far as others can notice it: ports and addresses are free, and the events told. The namespace itself is the caller's to
 * have removed, when nobody waits; the next daemon would do it, too.
 */
export async function leaveNetworks(ctx: NetworksContext, containerId: string): Promise<LeftSandbox> {
  const sandbox = ctx.sandboxes.get(containerId);
  if (!sandbox) return NOTHING_LEFT;
  for (const endpoint of sandbox.endpoints) ctx.names.index.drop(endpoint);
  await ctx.firewall.unpublish(portRules(sandbox.ports));
  if (ctx.sandboxes.get(containerId) !== sandbox) return NOTHING_LEFT;
  releasePorts(ctx, sandbox.ports);
  // Its sockets would keep the namespace alive.
  ctx.names.close(containerId);
  const veths = sandbox.endpoints.map(({ hostInterface }) => hostInterface).filter((name) => name !== '');
  for (const veth of veths) cutEndpoint(ctx, veth);
  removeLanLinks(sandbox.sandboxKey, sandbox.endpoints);
  ctx.sandboxes.delete(containerId);
  // Others may have its ports and addresses from now on, which the next daemon must not find to be its own.
  forget(ctx, containerId);
  ctx.survivors.watch(veths);
  for (const endpoint of sandbox.endpoints) emitEndpoint(ctx, 'disconnect', endpoint);
  await settleRelays(ctx).catch((err: unknown) => ctx.log.warn({ err, containerId }, 'ports are still being relayed'));
  return { removeNamespace: () => removeNamespace(ctx, sandbox) };
}

function forget(ctx: NetworksContext, containerId: string): void {
  try {
    ctx.repository.deleteSandbox(containerId);
  } catch (err) {
    ctx.log.error({ err, containerId }, 'cannot forget a network namespace');
  }
}

/** Never rejects: a file that is left belongs to nobody, and goes with the next start of the daemon. */
async function removeNamespace(ctx: NetworksContext, { kind, containerId, sandboxKey }: Sandbox): Promise<void> {
  try {
    if (kind === 'host') releaseHostNetns(ctx, containerId);
    else await removeNetnsOnThread(sandboxKey);
  } catch (err) {
    ctx.log.error({ err, containerId }, 'cannot remove a network namespace');
  }
}

/**
 * Veth pairs go with their namespace, and the kernel removes those of many namespaces at once in the background. Where somebody
 * still holds the namespace (a container that joined it), the pair would stay; those are removed one by one.
 */
export class VethSurvivors {
  private readonly watched = new Set<string>();
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly exists: (name: string) => boolean,
    private readonly remove: (name: string) => Promise<void>,
    private readonly log: Logger,
  ) {}

  watch(names: readonly string[]): void {
    for (const name of names) this.watched.add(name);
    if (this.watched.size === 0 || this.timer) return;
    this.timer = setTimeout(() => void this.sweep(), SURVIVORS_AFTER_MS);
    this.timer.unref();
  }

  /** Removes now what is still there. */
  async sweep(): Promise<void> {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    const left = [...this.watched].filter((name) => this.exists(name));
    this.watched.clear();
    await Promise.all(
      left.map((veth) =>
        this.remove(veth).catch((err: unknown) => this.log.warn({ err, veth }, 'a veth pair could not be removed')),
      ),
    );
  }
}

export function newSurvivors(ctx: Pick<NetworksContext, 'routes' | 'links' | 'log'>): VethSurvivors {
  return new VethSurvivors(
    (name) => findLink(ctx.routes, name) !== null,
    (name) => removeVeth(ctx, name),
    ctx.log,
  );
}
