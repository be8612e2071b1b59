import { closeSync } from 'node:fs';
import { join } from 'node:path';
import type { RouteSocket } from '../../host/netlink/route-socket.js';
import { pinNetns, removeNetns } from '../../host/sys/namespaces.js';
import { randomHex } from '../../shared/random-hex.js';
import type { Sandbox } from './model.js';
import type { NetworksContext } from './networks-context.js';
import type { PreparedNetns } from './spare-netns.js';

/** A namespace that is in its place already, with the id of the sandbox that it is for. */
export interface ReservedNamespace extends Pick<Sandbox, 'sandboxId' | 'sandboxKey'> {
  /** In the namespace. */
  readonly routes: RouteSocket;
}

/** Where the namespace with a sandbox's id is. */
export function sandboxKeyOf(ctx: NetworksContext, sandboxId: string): string {
  return join(ctx.options.netnsDir, sandboxId.slice(0, 12));
}

/**
 * Gives the spare namespace to a container that may be started in a moment; its path. null: there is no spare, and nothing was made, as that
 * takes longer than it helps.
 */
export function reserveNamespace(ctx: NetworksContext, containerId: string): string | null {
  const spare = ctx.spareNetns.takeReady();
  if (!spare) return null;
  const sandboxId = randomHex(32);
  const sandboxKey = sandboxKeyOf(ctx, sandboxId);
  ctx.reserved.set(containerId, { sandboxId, sandboxKey, routes: pinned(spare, sandboxKey) });
  return sandboxKey;
}

/** Removes a namespace that nobody was connected to. Without one it does nothing. */
export function cancelReservation(ctx: NetworksContext, containerId: string): void {
  const reserved = ctx.reserved.get(containerId);
  if (!reserved) return;
  ctx.reserved.delete(containerId);
  reserved.routes[Symbol.dispose]();
  removeNetns(reserved.sandboxKey);
}

/** Puts a sandbox's namespace into its place, unless it is there; the socket in it, which is the caller's to close. */
export function namespaceFor(ctx: NetworksContext, { containerId, sandboxId, sandboxKey }: Sandbox): RouteSocket {
  const reserved = ctx.reserved.get(containerId);
  if (reserved?.sandboxId !== sandboxId) return pinned(ctx.spareNetns.take(), sandboxKey);
  ctx.reserved.delete(containerId);
  return reserved.routes;
}

function pinned({ fd, routes }: PreparedNetns, sandboxKey: string): RouteSocket {
  try {
    pinNetns(fd, sandboxKey);
    return routes;
  } catch (error) {
    routes[Symbol.dispose]();
    throw error;
  } finally {
    closeSync(fd);
  }
}
