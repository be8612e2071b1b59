import { type RelayTarget, relayPort } from '../../host/relay/port-relay.js';
import { reservePort } from '../../host/sys/socket.js';
import { hasCode } from '../../shared/errors.js';
import type { Logger } from '../../shared/logger.js';
import type { PortProtocol, ReservePort } from './port-allocation.js';

/** Takes ports from the operating system, and serves in this process those that the kernel can't lead to their container. */
export function portReserver(log: Logger): ReservePort {
  return (proto: PortProtocol, hostIp: string, port: number, relay: RelayTarget | undefined): Disposable => {
    if (relay && proto !== 'sctp') return relayPort(proto, hostIp, port, relay, log);
    try {
      return reservePort(proto, hostIp, port);
    } catch (error) {
      // A kernel without SCTP of its own may translate its addresses all the same, and no process of the host has such a port.
      if (proto === 'sctp' && hasCode(error, 'EPROTONOSUPPORT')) return { [Symbol.dispose]: () => undefined };
      throw error;
    }
  };
}
