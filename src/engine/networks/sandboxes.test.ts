import { describe, expect, it, vi } from 'vitest';
import type { Endpoint, IpamPool, Sandbox } from './model.js';
import { Sandboxes } from './sandboxes.js';

const POOL: IpamPool = { subnet: '172.20.0.0/16', ipRange: '', gateway: '172.20.0.1', auxiliaryAddresses: {} };

const endpoint = (networkId: string, ipAddress: string): Endpoint =>
  ({ networkId, ipAddress, globalIpv6Address: '' }) as Endpoint;

const sandbox = (containerId: string, ...endpoints: Endpoint[]): Sandbox =>
  ({ containerId, endpoints, ports: [] }) as unknown as Sandbox;

/** How many addresses were looked up in doing so. */
function lookedAt(work: () => void): number {
  const has = vi.spyOn(Set.prototype, 'has');
  try {
    work();
    return has.mock.calls.length;
  } finally {
    has.mockRestore();
  }
}

describe('the sandboxes', () => {
  it('are found by network, with the addresses that are taken there', () => {
    const [one, two] = [endpoint('net', '172.20.0.2'), endpoint('net', '172.20.0.3')];
    const first = sandbox('a', one, endpoint('other', '172.21.0.2'));
    const all = new Sandboxes([first, sandbox('b', two)]);
    expect(all.endpointsOn('net')).toEqual([one, two]);
    expect([...all.leasesOn('net').addresses]).toEqual(['172.20.0.2', '172.20.0.3']);
    all.setEndpoints(first, [one]);
    expect(all.endpointsOn('other')).toEqual([]);
    expect(all.endpointsOn('net')).toEqual([one, two]);
    all.delete('a');
    all.delete('a');
    expect(all.endpointsOn('net')).toEqual([two]);
    expect(all.leasesOn('net').lowestFree(POOL)).toBe('172.20.0.2');
    expect(all.leasesOn('elsewhere').lowestFree(POOL)).toBe('172.20.0.2');
  });

  it('give out the lowest free address, and look at no more of them with five hundred than with none', () => {
    const all = new Sandboxes([]);
    const join = (id: number): string => {
      const address = all.leasesOn('net').lowestFree(POOL) ?? 'none';
      all.put(sandbox(String(id), endpoint('net', address)));
      return address;
    };
    join(0);
    join(1);
    const atFirst = lookedAt(() => expect(join(2)).toBe('172.20.0.4'));
    for (let id = 3; id < 500; id++) join(id);
    expect(lookedAt(() => expect(join(500)).toBe('172.20.1.246'))).toBe(atFirst);
    all.delete('7');
    all.delete('3');
    expect(['x', 'y', 'z'].map((_, index) => join(1000 + index))).toEqual(['172.20.0.5', '172.20.0.9', '172.20.1.247']);
  });

  it('has none left when all are taken, and one when one is given back', () => {
    const pool = { ...POOL, subnet: '172.20.0.0/29' };
    const all = new Sandboxes([]);
    const leases = (): string | null => all.leasesOn('net').lowestFree(pool);
    for (let id = 2; id <= 6; id++) all.put(sandbox(String(id), endpoint('net', leases() ?? '')));
    expect([leases(), leases()]).toEqual([null, null]);
    all.delete('4');
    expect(leases()).toBe('172.20.0.4');
  });
});
