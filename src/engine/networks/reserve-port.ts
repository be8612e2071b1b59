import type { RelayTarget } from '../../host/relay/port-entry.js';
import type { PortRelays } from '../../host/relay/port-relays.js';
import { hasCode } from '../../shared/errors.js';
import type { PortProtocol, ReservePort } from './port-allocation.js';

/** Takes ports from the operating system and gives them to the relay, which passes on what the kernel can't lead to its container. */
export function portReserver(relays: PortRelays): ReservePort {
  return (
    proto: PortProtocol,
    hostIp: string,
    port: number,
    relay: RelayTarget | undefined,
    isReadopted: boolean,
  ): Disposable => {
    const isSctp = proto === 'sctp';
    try {
      return relays.reserve({ proto, hostIp, port }, (!isSctp && relay) || null, isReadopted && !isSctp);
    } catch (error) {
      // A kernel without SCTP of its own may translate its addresses all the same, and no process of the host has such a port.
      if (isSctp && hasCode(error, 'EPROTONOSUPPORT')) return { [Symbol.dispose]: () => undefined };
      throw error;
    }
  };
}
