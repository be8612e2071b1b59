import { describe, expect, it } from 'vitest';
import { RECORD_TYPE } from '../../host/dns/dns-message.js';
import type { Endpoint } from './model.js';
import { NameIndex } from './name-index.js';
import { resolveName, reversedAddress } from './resolve-name.js';

const { A, AAAA, PTR } = RECORD_TYPE;
const endpoint = (container: string, network: string, more: Partial<Endpoint> = {}): Endpoint => ({
  endpointId: `${container}-${network}`,
  networkId: `id-of-${network}`,
  networkName: network,
  containerId: container.repeat(64).slice(0, 64),
  containerName: container,
  interfaceName: 'eth0',
  hostInterface: 'veth0000000',
  gateway: '10.0.0.1',
  ipAddress: '10.0.0.2',
  ipPrefixLen: 24,
  ipv6Gateway: '',
  globalIpv6Address: '',
  globalIpv6PrefixLen: 0,
  macAddress: '',
  dnsNames: [container],
  aliases: null,
  links: null,
  driverOpts: null,
  linkLocalIps: [],
  gwPriority: 0,
  ...more,
});
const indexOf = (...endpoints: Endpoint[]): NameIndex => {
  const index = new NameIndex();
  for (const one of endpoints) index.put(one);
  return index;
};
const addresses = (index: NameIndex, asking: Endpoint[], name: string, type: number = A): string[] | null =>
  resolveName(index, asking, { name, type, recordClass: 1 })?.records.map((record) =>
    'address' in record ? record.address : record.name,
  ) ?? null;

describe('the names of a container’s networks', () => {
  const db = endpoint('db', 'my.net', { ipAddress: '10.0.0.5', dnsNames: ['db', 'Svc'] });
  const six = endpoint('six', 'my.net', { ipAddress: '', globalIpv6Address: 'fd00::6', dnsNames: ['six', 'svc'] });
  const app = endpoint('app', 'my.net', { ipAddress: '10.0.0.7', links: ['db:store', 'six'] });
  const other = endpoint('other', 'elsewhere');
  const index = indexOf(db, six, app, other);

  it('are found without regard to case, with or without their network', () => {
    for (const name of ['db', 'DB', 'svc', 'db.my.net', 'DB.My.Net'])
      expect(addresses(index, [app], name)).toEqual(['10.0.0.5']);
    for (const name of ['other', 'db.net', 'db.elsewhere', 'my.net', ''])
      expect(addresses(index, [app], name)).toBeNull();
    expect(addresses(index, [app, endpoint('app', 'elsewhere')], 'other')).toEqual(['10.0.0.2']);
  });

  it('have no records but addresses', () => {
    expect(addresses(index, [app], 'db', AAAA)).toEqual([]);
    expect(addresses(index, [app], 'six', AAAA)).toEqual(['fd00::6']);
    expect(addresses(index, [app], '_http._tcp.db', RECORD_TYPE.SRV)).toEqual([]);
    expect(addresses(index, [app], '_http._tcp.nobody', RECORD_TYPE.SRV)).toBeNull();
    expect(resolveName(index, [app], { name: 'db', type: A, recordClass: 3 })).toBeNull();
  });

  it('are called otherwise by those who linked to them', () => {
    expect(addresses(index, [app], 'store')).toEqual(['10.0.0.5']);
    expect(addresses(index, [db], 'store')).toBeNull();
  });

  it('are told for addresses', () => {
    expect(addresses(index, [app], '5.0.0.10.in-addr.arpa', PTR)).toEqual(['db.my.net']);
    expect(addresses(index, [app], '9.0.0.10.in-addr.arpa', PTR)).toBeNull();
    expect(addresses(index, [app], `6${'.0'.repeat(29)}.d.f.ip6.arpa`, PTR)).toEqual(['six.my.net']);
    expect(reversedAddress('1.2.3.in-addr.arpa')).toBeNull();
    expect(reversedAddress('999.2.3.4.in-addr.arpa')).toBeNull();
  });

  it('go when their holder goes', () => {
    const changing = indexOf(db, app);
    changing.drop(db);
    changing.drop(db);
    expect(addresses(changing, [app], 'db')).toBeNull();
    expect(addresses(changing, [app], '5.0.0.10.in-addr.arpa', PTR)).toBeNull();
    expect(addresses(changing, [app], 'app')).toEqual(['10.0.0.7']);
  });
});
