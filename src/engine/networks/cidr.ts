import { isIP } from 'node:net';

/** A block of addresses. `base` is its first address as a number. */
export interface Cidr {
  version: 4 | 6;
  base: bigint;
  prefixLength: number;
}

const bitsOf = (version: 4 | 6): number => (version === 4 ? 32 : 128);

/** An address as a number, or null when the text is none. */
export function parseAddress(text: string): { version: 4 | 6; value: bigint } | null {
  const version = isIP(text);
  if (version === 4) {
    return { version, value: text.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n) };
  }
  if (version !== 6 || text.includes('%')) return null;
  const [head = '', tail] = text.split('::');
  const groups = (part: string): string[] =>
    part === '' ? [] : part.split(':').flatMap((group) => (group.includes('.') ? dottedGroups(group) : [group]));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const all = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return { version: 6, value: all.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n) };
}

function dottedGroups(text: string): string[] {
  const value = parseAddress(text)?.value ?? 0n;
  return [(value >> 16n).toString(16), (value & 0xffffn).toString(16)];
}

/** The text of an address; IPv6 as RFC 5952 says. */
export function formatAddress(version: 4 | 6, value: bigint): string {
  if (version === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => (value >> BigInt(112 - 16 * index)) & 0xffffn);
  const text = groups.map((group) => group.toString(16)).join(':');
  const zeros = [...text.matchAll(/(?:^|(?<=:))0(?::0)+(?=:|$)/g)].sort((a, b) => b[0].length - a[0].length)[0];
  if (!zeros) return text;
  const before = text.slice(0, zeros.index).replace(/:$/, '');
  const after = text.slice(zeros.index + zeros[0].length).replace(/^:/, '');
  return `${before}::${after}`;
}

/** `172.17.0.0/16`, or `172.17.0.5/16` with its host part cut off; null when the text is no block. */
export function parseCidr(text: string): Cidr | null {
  const [address = '', length = '', rest] = text.split('/');
  const parsed = parseAddress(address);
  if (!parsed || rest !== undefined || !/^\d{1,3}$/.test(length)) return null;
  const prefixLength = Number(length);
  if (prefixLength > bitsOf(parsed.version)) return null;
  return cidr(parsed.version, parsed.value, prefixLength);
}

/** The block of that length which holds the address. */
export function cidr(version: 4 | 6, address: bigint, prefixLength: number): Cidr {
  const hostBits = BigInt(bitsOf(version) - prefixLength);
  return { version, base: (address >> hostBits) << hostBits, prefixLength };
}

export function formatCidr({ version, base, prefixLength }: Cidr): string {
  return `${formatAddress(version, base)}/${prefixLength}`;
}

/** How many addresses the block has. */
export function sizeOf({ version, prefixLength }: Cidr): bigint {
  return 1n << BigInt(bitsOf(version) - prefixLength);
}

export function lastOf(block: Cidr): bigint {
  return block.base + sizeOf(block) - 1n;
}

export function contains(block: Cidr, address: string): boolean {
  const parsed = parseAddress(address);
  return parsed?.version === block.version && parsed.value >= block.base && parsed.value <= lastOf(block);
}

export function overlaps(one: Cidr, other: Cidr): boolean {
  return one.version === other.version && one.base <= lastOf(other) && other.base <= lastOf(one);
}
