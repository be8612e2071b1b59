import { closeSync, readFileSync } from 'node:fs';
import { hasCode } from '../../shared/errors.js';
import { AF_INET, AF_INET6, getSocketOption, openSocket, SOCK_RAW } from '../sys/socket.js';

/**
 * The table `filter` of iptables as it was before nftables (x_tables), asked through socket options. Source: linux/netfilter_ipv4/ip_tables.h
 * and its like for IPv6, the same since Linux 2.6.
 */
export interface LegacyFilter {
  /** FORWARD drops what no rule decides about. */
  drops: boolean;
  /** There is a chain of the name that was asked for. */
  hasChain: boolean;
  /** Changes when rules come or go, or the policy does. */
  fingerprint: string;
}

const LAYOUTS = {
  4: { file: '/proc/net/ip_tables_names', family: AF_INET, level: 0, targetOffset: 88 },
  6: { file: '/proc/net/ip6_tables_names', family: AF_INET6, level: 41, targetOffset: 140 },
} as const;
const IPPROTO_RAW = 255;
const GET_INFO = 64;
const GET_ENTRIES = 65;
const NAME_BYTES = 32;
const INFO_BYTES = 84;
const UNDERFLOWS_AT = 56;
const SIZE_AT = 80;
const ENTRIES_AT = 40;
const HOOK_FORWARD = 2;
const TARGET_HEAD_BYTES = 32;
/** -NF_DROP - 1 */
const VERDICT_DROP = -1;
/** Somebody may change the table between the two questions. */
const ATTEMPTS = 3;

/** Whether the table exists. The other questions would make it where it does not. */
export function isLegacyFilterInUse(version: 4 | 6): boolean {
  try {
    return readFileSync(LAYOUTS[version].file, 'utf8').split('\n').includes('filter');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/** null where the table does not exist. Throws what getsockopt(2) says. */
export function readLegacyFilter(version: 4 | 6, chain: string): LegacyFilter | null {
  if (!isLegacyFilterInUse(version)) return null;
  const { family, level, targetOffset } = LAYOUTS[version];
  const fd = openSocket(family, SOCK_RAW, IPPROTO_RAW);
  try {
    for (let attempt = 1; ; attempt++) {
      const info = named(INFO_BYTES);
      getSocketOption(fd, level, GET_INFO, info);
      const size = info.readUInt32LE(SIZE_AT);
      const entries = named(ENTRIES_AT + size);
      entries.writeUInt32LE(size, NAME_BYTES);
      try {
        getSocketOption(fd, level, GET_ENTRIES, entries);
      } catch (error) {
        if (attempt < ATTEMPTS && hasCode(error, 'EAGAIN')) continue;
        throw error;
      }
      const policy = ENTRIES_AT + info.readUInt32LE(UNDERFLOWS_AT + HOOK_FORWARD * 4);
      const verdict = policy + entries.readUInt16LE(policy + targetOffset) + TARGET_HEAD_BYTES;
      const drops = entries.readInt32LE(verdict) === VERDICT_DROP;
      const hasChain = entries.includes(`${chain}\0`);
      return { drops, hasChain, fingerprint: `${info.toString('base64')} ${drops} ${hasChain}` };
    }
  } finally {
    closeSync(fd);
  }
}

function named(bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.write('filter');
  return buffer;
}
