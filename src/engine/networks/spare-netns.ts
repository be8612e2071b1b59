import { closeSync } from 'node:fs';
import { setLink } from '../../host/netlink/links.js';
import type { RouteSocket } from '../../host/netlink/route-socket.js';
import { openRouteSocket } from '../../host/netlink/route-socket.js';
import { writeSysctl } from '../../host/netlink/sysctl.js';
import { openNetns } from '../../host/sys/namespaces.js';
import type { Logger } from '../../shared/logger.js';

/** A new namespace copies some of the host's network settings when it is made; a spare that is older than this is not used. */
const MAX_AGE_MS = 60_000;

/** A network namespace with its loopback up, without IPv6 on interfaces to come. Both are the taker's to close. */
export interface PreparedNetns {
  readonly fd: number;
  readonly routes: RouteSocket;
}

interface Spare extends PreparedNetns {
  readonly madeAtMs: number;
}

const isFresh = ({ madeAtMs }: Spare): boolean => performance.now() - madeAtMs <= MAX_AGE_MS;

/**
 * Keeps one network namespace ready for the next container: the kernel takes 2 to 3 ms to make one, as long as all else that a start
 * does before the runtime. It is held by a descriptor only, so that it goes with the daemon however that ends.
 */
export class SpareNetns {
  private spare: Spare | null = null;
  private isClosed = false;

  constructor(private readonly log: Logger) {}

  /** The spare, or one made now. */
  take(): PreparedNetns {
    return this.takeReady() ?? prepareNetns();
  }

  /** The spare; null: there is none. */
  takeReady(): PreparedNetns | null {
    const { spare } = this;
    if (!spare || !isFresh(spare)) return null;
    this.spare = null;
    return spare;
  }

  /** Makes the spare unless there is one; best when nobody waits for the daemon. Never throws. */
  refill(): void {
    if (this.isClosed || (this.spare && isFresh(this.spare))) return;
    try {
      this.drop();
      this.spare = { ...prepareNetns(), madeAtMs: performance.now() };
    } catch (err) {
      this.log.debug({ err }, 'cannot make a network namespace ahead');
    }
  }

  close(): void {
    this.isClosed = true;
    this.drop();
  }

  private drop(): void {
    const { spare } = this;
    this.spare = null;
    if (!spare) return;
    closeSync(spare.fd);
    spare.routes[Symbol.dispose]();
  }
}

function prepareNetns(): PreparedNetns {
  const { fd, inside: routes } = openNetns(() => {
    // Interfaces born later inherit it: without IPv6 on its networks a container has none but on its loopback.
    writeSysctl('net/ipv6/conf/default/disable_ipv6', 1);
    const socket = openRouteSocket();
    try {
      socket.request(setLink(1, { up: true }));
      return socket;
    } catch (error) {
      socket[Symbol.dispose]();
      throw error;
    }
  });
  return { fd, routes };
}
