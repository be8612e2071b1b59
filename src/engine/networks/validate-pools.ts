import { isIP } from 'node:net';
import { invalid } from '../../shared/errors.js';
import { contains, formatCidr, lastOf, parseAddress, parseCidr, type Cidr } from './cidr.js';
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
  const errors: string[] = [];
  if (!block) errors.push(`invalid subnet ${subnet}: invalid CIDR block notation`);
  else if (!isBase(block, subnet)) {
    errors.push(`invalid subnet ${subnet}: it should be ${formatCidr(block)}`);
  }
  if (!block) return errors;
  if (ipRange !== '') errors.push(...rangeErrors(ipRange, block, subnet));
  const addressErrors = (what: string, address: string): string[] => {
    const problem = addressProblem(address, block, subnet);
    return problem === null ? [] : [`invalid ${what}: ${problem}`];
  };
  if (gateway !== '') errors.push(...addressErrors(`gateway ${gateway}`, gateway));
  for (const [name, address] of Object.entries(auxiliaryAddresses)) {
    errors.push(...addressErrors(`auxiliary address ${name}`, address));
  }
  return errors;
}

/** Whether the text names the block by its first address, however that is spelled. */
function isBase(block: Cidr, text: string): boolean {
  return parseAddress(text.split('/', 1)[0] ?? '')?.value === block.base;
}

function addressProblem(address: string, block: Cidr, subnet: string): string | null {
  if (isIP(address) === 0) return 'invalid address';
  if (isIP(address) !== block.version) return `parent subnet is an IPv${block.version} block`;
  return contains(block, address) ? null : `parent subnet ${subnet} doesn't contain this address`;
}

function rangeErrors(ipRange: string, subnet: Cidr, shown: string): string[] {
  const range = parseCidr(ipRange);
  if (!range) return [`invalid ip-range ${ipRange}: invalid CIDR block notation`];
  if (range.version !== subnet.version) {
    return [`invalid ip-range ${ipRange}: parent subnet is an IPv${subnet.version} block`];
  }
  const errors: string[] = [];
  const isBigger = range.prefixLength < subnet.prefixLength;
  if (isBigger) errors.push(`invalid ip-range ${ipRange}: CIDR block is bigger than its parent subnet ${shown}`);
  if (!isBase(range, ipRange)) errors.push(`invalid ip-range ${ipRange}: it should be ${formatCidr(range)}`);
  if (!isBigger && (range.base < subnet.base || lastOf(range) > lastOf(subnet))) {
    errors.push(`invalid ip-range ${ipRange}: parent subnet ${shown} doesn't contain ip-range`);
  }
  return errors;
}
