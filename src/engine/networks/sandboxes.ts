import { AddressLeases } from './address-leases.js';
import type { Endpoint, Sandbox } from './model.js';

interface OnNetwork {
  endpoints: Set<Endpoint>;
  leases: AddressLeases;
}

/**
 * The sandboxes of running containers, by container and by network, so that none has to look at all of them to join. The endpoints of
 * one that is in here change through `setEndpoints` only.
 */
export class Sandboxes {
  private readonly byContainer = new Map<string, Sandbox>();
  private readonly byNetwork = new Map<string, OnNetwork>();

  constructor(sandboxes: readonly Sandbox[]) {
    for (const sandbox of sandboxes) this.put(sandbox);
  }

  get(containerId: string): Sandbox | undefined {
    return this.byContainer.get(containerId);
  }

  has(containerId: string): boolean {
    return this.byContainer.has(containerId);
  }

  values(): Iterable<Sandbox> {
    return this.byContainer.values();
  }

  put(sandbox: Sandbox): void {
    this.byContainer.set(sandbox.containerId, sandbox);
    for (const endpoint of sandbox.endpoints) this.join(endpoint);
  }

  /** One that is not there is fine. */
  delete(containerId: string): void {
    for (const endpoint of this.byContainer.get(containerId)?.endpoints ?? []) this.leave(endpoint);
    this.byContainer.delete(containerId);
  }

  setEndpoints(sandbox: Sandbox, endpoints: Endpoint[]): void {
    const before = sandbox.endpoints;
    sandbox.endpoints = endpoints;
    for (const endpoint of before) if (!endpoints.includes(endpoint)) this.leave(endpoint);
    for (const endpoint of endpoints) if (!before.includes(endpoint)) this.join(endpoint);
  }

  /** The places of containers on a network. */
  endpointsOn(networkId: string): Endpoint[] {
    return [...(this.byNetwork.get(networkId)?.endpoints ?? [])];
  }

  /** The addresses of those; what is in here counts as taken from `put` on. */
  leasesOn(networkId: string): AddressLeases {
    return this.byNetwork.get(networkId)?.leases ?? new AddressLeases();
  }

  private join(endpoint: Endpoint): void {
    const { endpoints, leases } = this.byNetwork.get(endpoint.networkId) ?? {
      endpoints: new Set(),
      leases: new AddressLeases(),
    };
    this.byNetwork.set(endpoint.networkId, { endpoints, leases });
    endpoints.add(endpoint);
    leases.take(endpoint.ipAddress);
    leases.take(endpoint.globalIpv6Address);
  }

  private leave(endpoint: Endpoint): void {
    const left = this.byNetwork.get(endpoint.networkId);
    if (!left?.endpoints.delete(endpoint)) return;
    left.leases.giveBack(endpoint.ipAddress);
    left.leases.giveBack(endpoint.globalIpv6Address);
    if (left.endpoints.size === 0) this.byNetwork.delete(endpoint.networkId);
  }
}
