import { randomInt } from 'node:crypto';
import {
  CLASS_IN,
  type DnsAnswer,
  type DnsQuery,
  type DnsRecord,
  RCODE,
  RECORD_TYPE,
} from '../../host/dns/dns-message.js';
import { formatAddress, parseAddress } from './cidr.js';
import type { Endpoint } from './model.js';
import type { NameIndex } from './name-index.js';

/** As dockerd has it. */
const TTL_SEC = 600;

type Question = Pick<DnsQuery, 'name' | 'type' | 'recordClass'>;

/**
 * What is known here of a name, from the point of view of a container on these networks: names, aliases and short ids of the
 * containers that share one with it, `name.network`, its own links, and the names of addresses. Several holders of a name are told
 * in random order. A name that is known has no records of other types. null: the name is not known here.
 */
export function resolveName(index: NameIndex, asking: readonly Endpoint[], question: Question): DnsAnswer | null {
  if (question.recordClass !== CLASS_IN) return null;
  const name = question.name.toLowerCase();
  if (question.type === RECORD_TYPE.PTR) return reverse(index, asking, name);
  // `_http._tcp.db` is about db.
  const holders = holdersOf(index, asking, name.replace(/^(_[^.]+\.)+/, ''));
  if (!holders) return null;
  const isServiceName = name.startsWith('_');
  return answer(isServiceName ? [] : shuffled(holders.flatMap((holder) => addressRecord(holder, question.type))));
}

function answer(records: DnsRecord[]): DnsAnswer {
  return { code: RCODE.noError, ttlSec: TTL_SEC, records };
}

/** The first network on which the name is known decides; then the name without its last label, which names a network, and so on. */
function holdersOf(index: NameIndex, asking: readonly Endpoint[], name: string): Endpoint[] | null {
  for (let cut = name.length; cut > 0; cut = name.lastIndexOf('.', cut - 1)) {
    const network = name.slice(cut + 1);
    for (const endpoint of asking) {
      if (network !== '' && endpoint.networkName.toLowerCase() !== network) continue;
      const wanted = linkTarget(endpoint, name.slice(0, cut)) ?? name.slice(0, cut);
      const holders = index.named(endpoint.networkId, wanted);
      if (holders.length > 0) return holders;
    }
  }
  return null;
}

/** `--link db:store` on a user-defined network: only this container calls db by the name store. */
function linkTarget({ links }: Endpoint, alias: string): string | null {
  for (const link of links ?? []) {
    const [target = '', name = target] = link.split(':');
    if (name.toLowerCase() !== alias) continue;
    return /^[0-9a-f]{64}$/.test(target) ? target.slice(0, 12) : target.toLowerCase();
  }
  return null;
}

function addressRecord({ ipAddress, globalIpv6Address }: Endpoint, type: number): DnsRecord[] {
  if (type === RECORD_TYPE.A && ipAddress !== '') return [{ type, address: ipAddress }];
  if (type === RECORD_TYPE.AAAA && globalIpv6Address !== '') return [{ type, address: globalIpv6Address }];
  return [];
}

function reverse(index: NameIndex, asking: readonly Endpoint[], name: string): DnsAnswer | null {
  const address = reversedAddress(name);
  if (address === null) return null;
  for (const { networkId } of asking) {
    const holder = index.at(networkId, address);
    if (holder) return answer([{ type: RECORD_TYPE.PTR, name: `${holder.containerName}.${holder.networkName}` }]);
  }
  return null;
}

/** The address in `4.3.2.1.in-addr.arpa` or its like for IPv6; null when there is none. */
export function reversedAddress(name: string): string | null {
  const v4 = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.in-addr\.arpa$/.exec(name);
  const v6 = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name);
  const text = v4
    ? v4.slice(1).reverse().join('.')
    : v6?.[1]
        ?.replaceAll('.', '')
        .split('')
        .reverse()
        .join('')
        .replace(/(.{4})(?!$)/g, '$1:');
  const parsed = text === undefined ? null : parseAddress(text);
  return parsed ? formatAddress(parsed.version, parsed.value) : null;
}

function shuffled<T>(items: T[]): T[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = randomInt(last + 1);
    [items[last], items[other]] = [items[other] as T, items[last] as T];
  }
  return items;
}
