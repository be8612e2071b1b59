import type { ContainerEndpoint, ContainerSummary, PublishedPort } from '../../engine/containers/container.js';
import { fromContainerEndpoint } from './endpoint-settings.js';
import { fromManifestDescriptor } from './manifest-descriptor.js';
import { fromMountPoint } from './mount-point.js';
import { omitEmptyMap, omitZero } from './wire.js';

/** A row of `GET /containers/json`, with every field of every version. */
export function fromContainerSummary(summary: ContainerSummary) {
  const { container, size } = summary;
  const { state, hostConfig } = container;
  return {
    Id: container.id,
    Names: summary.names,
    Image: summary.image,
    ImageID: container.imageId,
    ImageManifestDescriptor: fromManifestDescriptor(container.imageManifestDescriptor),
    Command: summary.command,
    Created: Math.floor(Date.parse(container.created) / 1000),
    Ports: summary.ports.map(fromPublishedPort),
    SizeRw: omitZero(size?.rwBytes),
    SizeRootFs: omitZero(size?.rootFsBytes),
    Labels: container.config.labels,
    State: state.status,
    Status: summary.statusText,
    HostConfig: { NetworkMode: hostConfig.networkMode, Annotations: omitEmptyMap(hostConfig.annotations) },
    Health: { Status: state.health?.status ?? 'none', FailingStreak: state.health?.failingStreak ?? 0 },
    NetworkSettings: { Networks: fromNetworks(container.network.networks) },
    Mounts: container.mounts.map(fromMountPoint),
  };
}

function fromPublishedPort(port: PublishedPort) {
  return port.hostPort === 0
    ? { PrivatePort: port.containerPort, Type: port.proto }
    : { IP: port.hostIp, PrivatePort: port.containerPort, PublicPort: port.hostPort, Type: port.proto };
}

/** dockerd leaves the names and driver options out of the list, whatever the container has. */
function fromNetworks(networks: Record<string, ContainerEndpoint>) {
  return Object.fromEntries(
    Object.entries(networks).map(([name, endpoint]) => [
      name,
      { ...fromContainerEndpoint(endpoint), Links: null, Aliases: null, DriverOpts: null, DNSNames: null },
    ]),
  );
}
