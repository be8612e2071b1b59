import { randomBytes } from 'node:crypto';
import { parseAddress } from './cidr.js';

/**
 * The hardware address of a container's interface, made from its IPv4 address: 02:42 and the four bytes, as dockerd up to 27
 * did. An address that is given out again then has the same hardware address too, and what neighbours remember of it stays
 * right; with random ones (dockerd 28) they would talk to the former container until their entry expires.
 */
export function macAddressFor(ipv4: string): string {
  const value = parseAddress(ipv4)?.value;
  if (value === undefined) return randomMacAddress();
  return `02:42:${[24n, 16n, 8n, 0n].map((shift) => hex(Number((value >> shift) & 0xffn))).join(':')}`;
}

/** A locally administered unicast address; bridges have one of their own, or they would take on that of their lowest port. */
export function randomMacAddress(): string {
  const bytes = randomBytes(6);
  return [((bytes[0] ?? 0) & 0xfc) | 0x02, ...bytes.subarray(1)].map(hex).join(':');
}

/** Whether text is a hardware address in the form that Docker accepts, `02:42:ac:11:00:02` or with hyphens. */
export function isMacAddress(text: string): boolean {
  return /^[0-9a-f]{2}([:-])[0-9a-f]{2}(\1[0-9a-f]{2}){4}$/i.test(text);
}

const hex = (byte: number): string => byte.toString(16).padStart(2, '0');
