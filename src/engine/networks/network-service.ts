import type { Firewall } from '../../host/firewall/firewall.js';
import { LinkRemover } from '../../host/netlink/link-remover.js';
import { openRouteSocket } from '../../host/netlink/route-socket.js';
import type { PortRelays } from '../../host/relay/port-relays.js';
import { KeyedLock } from '../../shared/keyed-lock.js';
import type { Logger } from '../../shared/logger.js';
import type { EndpointConfig } from '../containers/container-config.js';
import type { Filters } from '../containers/container.js';
import type { EmitEvent } from '../events/event.js';
import { ensureBridge } from './bridge-interface.js';
import { connectContainer } from './connect-container.js';
import { connectSandbox, emitEndpoint, toSandboxNetwork } from './connect-sandbox.js';
import type { ContainerDirectory } from './container-directory.js';
import { createNetwork } from './create-network.js';
import { ensureDefaultNetworks } from './default-networks.js';
import { disconnectContainer } from './disconnect-container.js';
import { findNetwork } from './find-network.js';
import { switchForwardingOn } from './forwarding.js';
import { inspectNetwork, listNetworks } from './list-networks.js';
import type { ConnectSandboxRequest, CreateNetworkRequest, Network, NetworkDetails, SandboxNetwork } from './model.js';
import type { NetworkRepository } from './network-repository.js';
import { firewallState, type NetworkOptions, type NetworksContext } from './networks-context.js';
import { PortAllocator } from './port-allocation.js';
import { restoreParent } from './parent-interface.js';
import { pruneNetworks } from './prune-networks.js';
import { reconcileNetworks } from './reconcile-networks.js';
import { nameServiceSettings } from './name-service-settings.js';
import { NameService } from './name-service.js';
import { portReserver } from './reserve-port.js';
import { leaveNetworks, type LeftSandbox, newSurvivors, releaseSandbox } from './release-sandbox.js';
import { Sandboxes } from './sandboxes.js';
import { cancelReservation, reserveNamespace } from './reserve-namespace.js';
import { removeNetwork } from './remove-network.js';
import { SpareNetns } from './spare-netns.js';
import { validateEndpoints } from './validate-endpoints.js';

export interface NetworkServiceDeps {
  options: NetworkOptions;
  repository: NetworkRepository;
  firewall: Firewall;
  relays: PortRelays;
  log: Logger;
  emit: EmitEvent;
}

/**
 * Networks and the wiring of containers to them. `ref` is a full id, a name, or a unique id prefix, in this order of precedence;
 * an unknown one is not-found `network x not found`.
 */
export class NetworkService {
  private readonly ctx: NetworksContext;

  /** Opens a socket to the kernel, which `shutdown` closes. */
  constructor({ options, repository, firewall, relays, log, emit }: NetworkServiceDeps) {
    const routes = openRouteSocket();
    const links = new LinkRemover();
    this.ctx = {
      options,
      repository,
      firewall,
      relays,
      log,
      emit,
      ports: new PortAllocator(portReserver(relays)),
      names: new NameService((containerId) => nameServiceSettings(this.ctx.containers, containerId), log),
      networks: new Map(repository.listNetworks().map((network) => [network.id, network])),
      leaving: new Map(),
      sandboxes: new Sandboxes(repository.listSandboxes()),
      turns: new KeyedLock(),
      routes,
      links,
      spareNetns: new SpareNetns(log),
      reserved: new Map(),
      survivors: newSurvivors({ routes, links, log }),
      containers: null,
    };
  }

  /** Hands over the containers; before that, connect, disconnect, prune and the filter `dangling` must not be used. */
  useContainers(containers: ContainerDirectory): void {
    this.ctx.containers = containers;
  }

  /** At boot, before any container starts: forwarding on, bridges and firewall as the store says. */
  async init(): Promise<void> {
    await ensureDefaultNetworks(this.ctx);
    for (const network of this.ctx.networks.values()) {
      if (network.name !== 'bridge') this.restoreInterface(network);
    }
    await this.ctx.firewall.sync(firewallState(this.ctx, switchForwardingOn(this.ctx)));
  }

  /**
   * At boot, after `init` and before any container starts: keeps the sandboxes of these containers (published ports
   * are taken again) and removes every other namespace, veth, lease and firewall element that is ours.
   */
  reconcile(runningContainerIds: ReadonlySet<string>): Promise<void> {
    return reconcileNetworks(this.ctx, runningContainerIds);
  }

  /** Lets go of what the daemon holds; networks, containers' wiring and the firewall stay. */
  async shutdown(): Promise<void> {
    this.ctx.spareNetns.close();
    await this.ctx.survivors.sweep();
    this.ctx.names.closeAll();
    this.ctx.relays.close();
    this.ctx.ports.releaseAll();
    await this.ctx.links.close();
    this.ctx.routes[Symbol.dispose]();
  }

  /**
   * Makes and wires the namespace of a container that is about to start. Nothing is left when it throws. Tells no event: see
   * `announceConnected`.
   */
  connectSandbox(request: ConnectSandboxRequest): Promise<SandboxNetwork> {
    return connectSandbox(this.ctx, request);
  }

  /** Does ahead what the next connectSandbox needs, or the next `reserveNamespace`. */
  prepareNext(): void {
    this.ctx.spareNetns.refill();
  }

  /** Makes the namespace of a container that may be started in a moment, if that is quickly done; its path, or null. */
  reserveNamespace(containerId: string): string | null {
    return reserveNamespace(this.ctx, containerId);
  }

  /** Removes it again, unless connectSandbox has taken it. */
  cancelReservation(containerId: string): void {
    cancelReservation(this.ctx, containerId);
  }

  /** Tells of the networks that connectSandbox gave; to be called once the process runs, which is when dockerd tells it. */
  announceConnected(containerId: string): void {
    for (const endpoint of this.ctx.sandboxes.get(containerId)?.endpoints ?? []) {
      emitEndpoint(this.ctx, 'connect', endpoint);
    }
  }

  /** Unpublishes the ports and removes the namespace. Without a sandbox it does nothing. */
  releaseSandbox(containerId: string): Promise<void> {
    return releaseSandbox(this.ctx, containerId);
  }

  /** The part of `releaseSandbox` that others can notice; the rest is the caller's to call for, before another start of the container. */
  leaveNetworks(containerId: string): Promise<LeftSandbox> {
    return leaveNetworks(this.ctx, containerId);
  }

  /** What connectSandbox gave to a running container; null when there is none. */
  sandboxOf(containerId: string): SandboxNetwork | null {
    const sandbox = this.ctx.sandboxes.get(containerId);
    return sandbox ? toSandboxNetwork(sandbox) : null;
  }

  /** The host's addresses on the default bridge, IPv4 first; empty where the daemon has none. */
  bridgeAddresses(): string[] {
    const bridge = [...this.ctx.networks.values()].find(({ name }) => name === 'bridge');
    const gateways = (bridge?.ipam.config ?? []).map(({ gateway }) => gateway).filter((gateway) => gateway !== '');
    return gateways.sort((one, other) => Number(one.includes(':')) - Number(other.includes(':')));
  }

  /** Throws what dockerd says when a create names a network setting that can't be. */
  validate(endpoints: Record<string, EndpointConfig>): void {
    validateEndpoints(this.ctx, endpoints);
  }

  /** A container was renamed. */
  rename(containerId: string, newName: string): void {
    const sandbox = this.ctx.sandboxes.get(containerId);
    if (!sandbox) return;
    const former = sandbox.containerName;
    sandbox.containerName = newName;
    for (const endpoint of sandbox.endpoints) {
      this.ctx.names.index.drop(endpoint);
      endpoint.containerName = newName;
      endpoint.dnsNames = endpoint.dnsNames?.map((name) => (name === former ? newName : name)) ?? null;
      this.ctx.names.index.put(endpoint);
    }
    this.ctx.repository.saveSandbox(sandbox);
  }

  /** Filters: dangling driver id label name scope type. */
  list(filters: Filters): NetworkDetails[] {
    return listNetworks(this.ctx, filters);
  }

  inspect(ref: string): NetworkDetails {
    return inspectNetwork(this.ctx, findNetwork(this.ctx, ref));
  }

  create(request: CreateNetworkRequest): Promise<{ id: string; warning: string }> {
    return createNetwork(this.ctx, request);
  }

  remove(ref: string): Promise<void> {
    return removeNetwork(this.ctx, ref);
  }

  /** Filters: until label label!. */
  prune(filters: Filters): Promise<{ deleted: string[] }> {
    return pruneNetworks(this.ctx, filters);
  }

  connect(ref: string, containerRef: string, config: EndpointConfig): Promise<void> {
    return connectContainer(this.ctx, ref, containerRef, config);
  }

  disconnect(ref: string, containerRef: string, force: boolean): Promise<void> {
    return disconnectContainer(this.ctx, ref, containerRef, force);
  }

  /** One network that can't be had, because somebody took its interface's name, must not keep the others from working. */
  private restoreInterface(network: Network): void {
    try {
      if (network.driver === 'bridge') ensureBridge(this.ctx, network);
      else if (network.parent) restoreParent(this.ctx, network);
    } catch (err) {
      this.ctx.log.error({ err, network: network.name }, 'the interface of a network could not be made');
    }
  }
}
