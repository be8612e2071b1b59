import { isIPv6 } from 'node:net';

/** The `lookup` of sockets that are only ever given addresses: nothing is asked, and the answer comes within the call. */
export function numericLookup(
  address: string,
  _options: unknown,
  done: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void {
  done(null, address, isIPv6(address) ? 6 : 4);
}
