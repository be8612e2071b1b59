import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Cidr, contains, formatAddress, formatCidr, overlaps, parseAddress, parseCidr } from './cidr.js';
import {
  allocateAddress,
  chooseSubnet,
  claimAddress,
  DEFAULT_ADDRESS_POOLS,
  firstAddress,
  firstFreeAddress,
  usageOf,
} from './ipam.js';
import type { IpamPool } from './model.js';

const block = (text: string): Cidr => {
  const parsed = parseCidr(text);
  if (!parsed) throw new Error(`no block: ${text}`);
  return parsed;
};
const pool = (subnet: string, more: Partial<IpamPool> = {}): IpamPool => ({
  subnet,
  ipRange: '',
  gateway: firstAddress(subnet),
  auxiliaryAddresses: {},
  ...more,
});

describe('addresses', () => {
  it.each([
    '0.0.0.0',
    '255.255.255.255',
    '::',
    '::1',
    '1::',
    'fd00:1::2:0:0:3',
    '2001:db8::1:0:0:1',
    '1:2:3:4:5:6:7:8',
  ])('%s survives the way to a number and back', (text) => {
    const parsed = parseAddress(text);
    expect(parsed && formatAddress(parsed.version, parsed.value)).toBe(text);
  });

  it('any 128 bits survive the way to text and back', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, (1n << 128n) - 1n), (value) => {
        expect(parseAddress(formatAddress(6, value))?.value).toBe(value);
      }),
    );
  });

  it.each(['', 'x', '1.2.3', '1.2.3.4/33', '1.2.3.4/', '1.2.3.4/8/8', 'fe80::1%eth0/64', '::/129'])(
    '%j is no block',
    (text) => expect(parseCidr(text)).toBeNull(),
  );

  it('blocks hold and overlap', () => {
    expect(formatCidr(block('172.17.3.4/16'))).toBe('172.17.0.0/16');
    expect(contains(block('10.0.0.0/30'), '10.0.0.3')).toBe(true);
    expect(contains(block('10.0.0.0/30'), '10.0.0.4')).toBe(false);
    expect(contains(block('10.0.0.0/8'), '::a00:1')).toBe(false);
    expect(overlaps(block('10.0.0.0/8'), block('10.3.0.0/16'))).toBe(true);
    expect(overlaps(block('10.0.0.0/16'), block('10.1.0.0/16'))).toBe(false);
  });
});

describe('chooseSubnet', () => {
  it('gives dockerd’s 31 networks first, then a thousand more', () => {
    const taken: Cidr[] = [];
    const given: string[] = [];
    for (let index = 0; index < 31; index++) {
      const subnet = chooseSubnet(DEFAULT_ADDRESS_POOLS, 4, taken);
      given.push(subnet);
      taken.push(block(subnet));
    }
    expect(given[0]).toBe('172.17.0.0/16');
    expect(given[14]).toBe('172.31.0.0/16');
    expect(given[15]).toBe('192.168.0.0/20');
    expect(given[30]).toBe('192.168.240.0/20');
    expect(chooseSubnet(DEFAULT_ADDRESS_POOLS, 4, taken)).toBe('10.192.0.0/20');
    expect(() => chooseSubnet(DEFAULT_ADDRESS_POOLS, 4, [...taken, block('10.0.0.0/8')])).toThrow(
      'all predefined address pools have been fully subnetted',
    );
  });

  it('goes round what the host routes, however large or small', () => {
    expect(chooseSubnet(DEFAULT_ADDRESS_POOLS, 4, [block('172.16.0.0/12')])).toBe('192.168.0.0/20');
    expect(chooseSubnet(DEFAULT_ADDRESS_POOLS, 4, [block('172.17.255.0/24')])).toBe('172.18.0.0/16');
    expect(chooseSubnet([{ base: 'fd00::/8', size: 64 }], 6, [block('fd00::/16'), block('fd01::/16')])).toBe(
      'fd02::/64',
    );
  });
});

describe('allocateAddress', () => {
  it('gives the lowest free one that is not kept for others', () => {
    const one = pool('10.0.0.0/29', { auxiliaryAddresses: { router: '10.0.0.2' } });
    const used = new Set<string>();
    const given: (string | null)[] = [];
    for (let index = 0; index < 5; index++) {
      const address = allocateAddress(one, used);
      given.push(address);
      if (address !== null) used.add(address);
    }
    expect(given).toEqual(['10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6', null]);
    used.delete('10.0.0.4');
    expect(allocateAddress(one, used)).toBe('10.0.0.4');
  });

  it('stays in the range', () => {
    const one = pool('10.6.0.0/24', { ipRange: '10.6.0.128/31' });
    expect(allocateAddress(one, new Set())).toBe('10.6.0.128');
    expect(allocateAddress(one, new Set(['10.6.0.128', '10.6.0.129']))).toBeNull();
  });

  it('never gives an address twice, nor one outside', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 63 })), (used) => {
        const taken = new Set(used.map((last) => `10.1.0.${last}`));
        const address = allocateAddress(pool('10.1.0.0/26'), taken);
        if (address === null) expect(taken.size).toBeGreaterThanOrEqual(61);
        else expect(contains(block('10.1.0.0/26'), address) && !taken.has(address)).toBe(true);
      }),
    );
  });

  it('gives requested addresses unless they are in use', () => {
    expect(claimAddress(pool('fd00::/64'), 'FD00:0::A', new Set())).toBe('fd00::a');
    expect(() => claimAddress(pool('10.0.0.0/24'), '10.0.0.9', new Set(['10.0.0.9']))).toThrow(
      'Address already in use',
    );
    expect(() => claimAddress(pool('10.0.0.0/24'), '10.0.0.1', new Set())).toThrow('Address already in use');
    expect(() => claimAddress(pool('10.0.0.0/24'), '10.0.1.1', new Set())).toThrow('Requested address is out of range');
    for (const end of ['10.0.0.0', '10.0.0.255']) {
      expect(() => claimAddress(pool('10.0.0.0/24'), end, new Set())).toThrow('Address already in use');
    }
  });
});

describe('a pool', () => {
  it('gives the host the first address of its range', () => {
    expect(firstFreeAddress(pool('10.0.0.0/24', { ipRange: '10.0.0.128/25' }))).toBe('10.0.0.128');
    expect(firstFreeAddress(pool('10.0.0.0/24', { auxiliaryAddresses: { a: '10.0.0.1' } }))).toBe('10.0.0.2');
    expect(firstFreeAddress(pool('10.0.0.4/32'))).toBe('10.0.0.4');
  });

  it('tells how full it is', () => {
    expect(usageOf(pool('172.16.0.0/16'), new Set())).toEqual({
      subnet: '172.16.0.0/16',
      inUse: 3n,
      available: 65_533n,
    });
    const ranged = pool('10.0.0.0/24', { ipRange: '10.0.0.128/25', auxiliaryAddresses: { a: '10.0.0.200' } });
    const used = new Set(['', '10.0.0.129', '10.0.0.9', '10.9.9.9']);
    expect(usageOf(ranged, used)).toEqual({ subnet: '10.0.0.0/24', inUse: 6n, available: 125n });
    expect(usageOf(pool('fd00::/64'), new Set())).toMatchObject({ inUse: 2n, available: (1n << 64n) - 2n });
  });
});
