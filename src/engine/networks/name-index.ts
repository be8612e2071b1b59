import type { Endpoint } from './model.js';

/** Who answers to which name and address, network by network. Names are compared without regard to case. */
export class NameIndex {
  private readonly byName = new Map<string, Map<string, Set<Endpoint>>>();
  private readonly byAddress = new Map<string, Map<string, Endpoint>>();

  /** Makes an endpoint known by its names; one on a network without name service has none. */
  put(endpoint: Endpoint): void {
    const { networkId, dnsNames } = endpoint;
    if (dnsNames === null) return;
    const names = child(this.byName, networkId, () => new Map<string, Set<Endpoint>>());
    for (const name of dnsNames) child(names, name.toLowerCase(), () => new Set<Endpoint>()).add(endpoint);
    const addresses = child(this.byAddress, networkId, () => new Map<string, Endpoint>());
    for (const address of addressesOf(endpoint)) addresses.set(address, endpoint);
  }

  /** Forgets an endpoint under the names that it has now; one that is not known is fine. */
  drop(endpoint: Endpoint): void {
    const { networkId, dnsNames } = endpoint;
    const names = this.byName.get(networkId);
    for (const name of dnsNames ?? []) {
      const holders = names?.get(name.toLowerCase());
      if (holders?.delete(endpoint) && holders.size === 0) names?.delete(name.toLowerCase());
    }
    if (names?.size === 0) this.byName.delete(networkId);
    const addresses = this.byAddress.get(networkId);
    for (const address of addressesOf(endpoint)) {
      if (addresses?.get(address) === endpoint) addresses.delete(address);
    }
    if (addresses?.size === 0) this.byAddress.delete(networkId);
  }

  /** `name` in lower case. */
  named(networkId: string, name: string): Endpoint[] {
    return [...(this.byName.get(networkId)?.get(name) ?? [])];
  }

  at(networkId: string, address: string): Endpoint | undefined {
    return this.byAddress.get(networkId)?.get(address);
  }
}

const addressesOf = ({ ipAddress, globalIpv6Address }: Endpoint): string[] =>
  [ipAddress, globalIpv6Address].filter((address) => address !== '');

function child<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const present = map.get(key);
  if (present !== undefined) return present;
  const made = make();
  map.set(key, made);
  return made;
}
