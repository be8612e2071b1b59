import { LARGEST_BURST, type Link, setLink } from '../../host/netlink/links.js';
import type { RouteSocket } from '../../host/netlink/route-socket.js';
import { hasCode } from '../../shared/errors.js';
import type { Network } from './model.js';

/**
 * How large a packet TCP may hand over to a new link like this one of a network; undefined: as the kernel has it. Half a megabyte takes a third
 * less time than 64 KiB, but only where nothing goes on to a card: there it is cut into single frames by the processor, which makes it
 * three times as dear. So it is for networks that nothing leaves.
 */
export function burstOf({ internal, ownsBridge }: Network, { burst }: Link): number | undefined {
  return internal && ownsBridge && burst > 0 ? LARGEST_BURST : undefined;
}

/** Lets TCP hand over such packets to a link that is there. */
export function raiseBurst(socket: RouteSocket, network: Network, link: Link): void {
  const burst = burstOf(network, link);
  if (burst === undefined || link.burst >= burst) return;
  try {
    socket.request(setLink(link.index, { burst }));
  } catch (error) {
    // A bridge takes no more than each of its ports, and somebody's card or tap may be one.
    if (!hasCode(error, 'EINVAL')) throw error;
  }
}
