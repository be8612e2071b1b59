import { invalid } from '../../shared/errors.js';
import { contains, formatCidr, lastOf, parseCidr, type Cidr } from './cidr.js';
import type { IpamPool } from './model.js';

/** Checks the pools of a create request. Throws invalid with one line for each thing that is wrong, as dockerd does. */
export function checkPools(pools: readonly Partial<IpamPool>[]): void {
  const errors = pools.flatMap(errorsOf);
  if (errors.length > 0) throw invalid(`invalid network config:\n${asList(errors)}`);
}

/** One message as it is, several as a list with bullets. */
export function asList(messages: readonly string[]): string {
  return messages.length === 1 ? (messages[0] ?? '') : messages.map((message) => `* ${message}`).join('\n');
}

function errorsOf({ subnet = '', ipRange = '', gateway = '', auxiliaryAddresses = {} }: Partial<IpamPool>): string[] {
  const block = parseCidr(subnet);
  if (!block) return [`invalid subnet ${subnet}: invalid CIDR block notation`];
  const errors: string[] = [];
  if (formatCidr(block) !== subnet.toLowerCase()) {
    errors.push(`invalid subnet ${subnet}: it should be ${formatCidr(block)}`);
  }
  if (ipRange !== '') errors.push(...rangeErrors(ipRange, block, subnet));
  const outside = (what: string, address: string): string[] =>
    contains(block, address)
      ? []
      : [`invalid ${what} ${address}: parent subnet ${subnet} doesn't contain this address`];
  if (gateway !== '') errors.push(...outside('gateway', gateway));
  for (const address of Object.values(auxiliaryAddresses)) errors.push(...outside('auxiliary address', address));
  return errors;
}

function rangeErrors(ipRange: string, subnet: Cidr, shown: string): string[] {
  const range = parseCidr(ipRange);
  if (!range) return [`invalid ip-range ${ipRange}: invalid CIDR block notation`];
  const inside = range.version === subnet.version && range.base >= subnet.base && lastOf(range) <= lastOf(subnet);
  return inside ? [] : [`invalid ip-range ${ipRange}: parent subnet ${shown} doesn't contain ip-range`];
}
