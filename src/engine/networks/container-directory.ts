import type { EndpointConfig } from '../containers/container-config.js';
import type { PortWishes } from './lease-ports.js';
import type { Endpoint } from './model.js';

/** What connect and disconnect have to know of a container. */
export interface NetworkedContainer {
  id: string;
  /** Without the leading slash. */
  name: string;
  hostname: string;
  running: boolean;
  networkMode: string;
  ports: PortWishes;
  /** Names of the networks that the container is configured for. */
  networkNames: string[];
  /** Name servers asked for, of the container or the daemon; empty: the host's. */
  nameservers: readonly string[];
  /** Options of resolv.conf asked for; empty: the host's. */
  resolverOptions: readonly string[];
}

/**
 * The containers as the networks see them; the container engine implements it and hands it over with `useContainers`
 * (it needs the networks to be built first).
 */
export interface ContainerDirectory {
  /** By id, name or unique prefix. Throws not-found `No such container: x`. */
  find(ref: string): NetworkedContainer;
  /** The container is configured for a network from now on; `endpoint` is what it got if it runs, else null. */
  connected(containerId: string, networkName: string, config: EndpointConfig, endpoint: Endpoint | null): Promise<void>;
  /** The container is no longer configured for a network. */
  disconnected(containerId: string, networkName: string): Promise<void>;
}
