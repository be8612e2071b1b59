import type { Network, Sandbox } from './model.js';

/**
 * Where networks and the leases of running containers are kept. All calls are synchronous and atomic, and what was saved is
 * durable when they return. An address or host port is in use exactly while a saved sandbox names it.
 */
export interface NetworkRepository {
  /** In order of creation. */
  listNetworks(): Network[];
  /** Throws when the id or name is taken. */
  insertNetwork(network: Network): void;
  /** Replaces the network of the same id. */
  updateNetwork(network: Network): void;
  /** Removing what is not there is fine. */
  deleteNetwork(id: string): void;
  listSandboxes(): Sandbox[];
  /** Inserts, or replaces the one of the same container, with its endpoints and ports. */
  saveSandbox(sandbox: Sandbox): void;
  /** Removing what is not there is fine. */
  deleteSandbox(containerId: string): void;
}
