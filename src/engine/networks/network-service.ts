import type { EndpointConfig } from '../containers/container-config.js';
import type { Filters } from '../containers/container.js';
import { notImplemented } from '../../shared/errors.js';
import type { ContainerDirectory } from './container-directory.js';
import type { ConnectSandboxRequest, CreateNetworkRequest, NetworkDetails, SandboxNetwork } from './model.js';

/**
 * Networks and the wiring of containers to them. `ref` is a full id, a name, or a unique id prefix, in this order of precedence;
 * an unknown one is not-found `network x not found`.
 */
export class NetworkService {
  /** Hands over the containers; before that, connect, disconnect and prune must not be called. */
  useContainers(_containers: ContainerDirectory): void {
    throw notImplemented('networks');
  }

  /** At boot, before any container starts: forwarding on, bridges and firewall as the store says. */
  async init(): Promise<void> {
    throw notImplemented('networks');
  }

  /**
   * At boot, after `init` and before any container starts: keeps the sandboxes of these containers (published ports
   * are taken again) and removes every other namespace, veth, lease and firewall element that is ours.
   */
  async reconcile(_runningContainerIds: ReadonlySet<string>): Promise<void> {
    throw notImplemented('networks');
  }

  /** Lets go of what the daemon holds; networks, containers' wiring and the firewall stay. */
  async shutdown(): Promise<void> {
    throw notImplemented('networks');
  }

  /** Makes and wires the namespace of a container that is about to start. Nothing is left when it throws. */
  async connectSandbox(_request: ConnectSandboxRequest): Promise<SandboxNetwork> {
    throw notImplemented('networks');
  }

  /** Unpublishes the ports and removes the namespace. Without a sandbox it does nothing. */
  async releaseSandbox(_containerId: string): Promise<void> {
    throw notImplemented('networks');
  }

  /** What connectSandbox gave to a running container; null when there is none. */
  sandboxOf(_containerId: string): SandboxNetwork | null {
    throw notImplemented('networks');
  }

  /** Throws what dockerd says when a create names a network setting that can't be. Warnings are for the client. */
  validate(
    _networkMode: string,
    _endpoints: Record<string, EndpointConfig>,
    _hasPortBindings: boolean,
  ): { warnings: string[] } {
    throw notImplemented('networks');
  }

  /** A container was renamed. */
  rename(_containerId: string, _newName: string): void {
    throw notImplemented('networks');
  }

  /** Filters: dangling driver id label name scope type. */
  list(_filters: Filters): NetworkDetails[] {
    throw notImplemented('networks');
  }

  inspect(_ref: string): NetworkDetails {
    throw notImplemented('networks');
  }

  async create(_request: CreateNetworkRequest): Promise<{ id: string; warning: string }> {
    throw notImplemented('networks');
  }

  async remove(_ref: string): Promise<void> {
    throw notImplemented('networks');
  }

  /** Filters: until label label!. */
  async prune(_filters: Filters): Promise<{ deleted: string[] }> {
    throw notImplemented('networks');
  }

  async connect(_ref: string, _containerRef: string, _config: EndpointConfig): Promise<void> {
    throw notImplemented('networks');
  }

  async disconnect(_ref: string, _containerRef: string, _force: boolean): Promise<void> {
    throw notImplemented('networks');
  }
}
