import type { Container, ContainerSize, ContainerState } from '../../engine/containers/container.js';
import { fromContainerConfig } from './container-config.js';
import { fromHostConfig } from './host-config.js';
import { fromManifestDescriptor } from './manifest-descriptor.js';
import { fromMountPoint } from './mount-point.js';
import { fromContainerNetworkState } from './network-settings.js';
import { nullIfEmpty, omitZero } from './wire.js';

/** `GET /containers/{id}/json`, with every field of every version. `size` null: not asked for. */
export function fromContainer(container: Container, size: ContainerSize | null) {
  return {
    Id: container.id,
    Created: container.created,
    Path: container.path,
    Args: container.args,
    State: fromContainerState(container.state),
    Image: container.imageId,
    ResolvConfPath: container.resolvConfPath,
    HostnamePath: container.hostnamePath,
    HostsPath: container.hostsPath,
    LogPath: container.logPath,
    Name: `/${container.name}`,
    RestartCount: container.restartCount,
    Driver: container.driver,
    Platform: container.platform,
    MountLabel: container.mountLabel,
    ProcessLabel: container.processLabel,
    AppArmorProfile: container.appArmorProfile,
    ExecIDs: nullIfEmpty(container.execIds),
    HostConfig: fromHostConfig(container.hostConfig),
    GraphDriver: { Data: container.graphDriver.data, Name: container.graphDriver.name },
    SizeRw: size?.rwBytes,
    SizeRootFs: size?.rootFsBytes,
    Mounts: container.mounts.map(fromMountPoint),
    Config: { ...fromContainerConfig(container.config), MacAddress: containerMacAddress(container) },
    NetworkSettings: fromContainerNetworkState(container.network),
    ImageManifestDescriptor: fromManifestDescriptor(container.imageManifestDescriptor),
  };
}

/** The requested address on the main network, where clients below 1.52 look for it; undefined when none was requested. */
function containerMacAddress(container: Container): string | undefined {
  const main = container.network.networks[container.hostConfig.networkMode];
  return omitZero(main?.macAddress ?? container.config.macAddress);
}

export type WireContainer = ReturnType<typeof fromContainer>;

export function fromContainerState(state: ContainerState) {
  return {
    Status: state.status,
    Running: state.running,
    Paused: state.paused,
    Restarting: state.restarting,
    OOMKilled: state.ooms > 0,
    Dead: state.dead,
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt,
    FinishedAt: state.finishedAt,
    Health: state.health
      ? {
          Status: state.health.status,
          FailingStreak: state.health.failingStreak,
          Log: state.health.log.map(({ start, end, exitCode, output }) => ({
            Start: start,
            End: end,
            ExitCode: exitCode,
            Output: output,
          })),
        }
      : undefined,
  };
}
