import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Container, ContainerEndpoint, MountPoint } from '../../src/engine/containers/container.js';
import { type ApiVersion, apiVersion } from '../../src/api/http/api-version.js';
import { decodeJson } from '../../src/api/http/decode-json.js';
import { ContainerConfigSchema, toContainerConfig } from '../../src/api/schemas/container-config.js';
import { EndpointSettingsSchema, toEndpointConfig } from '../../src/api/schemas/endpoint-settings.js';
import { HostConfigSchema, toHostConfig } from '../../src/api/schemas/host-config.js';

const FOLDER = fileURLToPath(new URL('../fixtures/dockerd/containers/', import.meta.url));

export interface Recording {
  file: string;
  version: ApiVersion;
  body: any;
}

/** Replies of dockerd 28.5.2 whose file name begins so: `inspect-` or `list-`, then what was asked, then the version. */
export function recordings(prefix: string): Recording[] {
  return readdirSync(FOLDER)
    .filter((file) => file.startsWith(prefix))
    .map((file) => ({
      file,
      version: apiVersion(/-v([\d.]+)\.json$/.exec(file)?.[1] ?? ''),
      body: JSON.parse(readFileSync(FOLDER + file, 'utf8')) as unknown,
    }));
}

export function recording(file: string): any {
  return JSON.parse(readFileSync(FOLDER + file, 'utf8'));
}

/** The engine's container that inspect, in its newest recorded form, describes. */
export function containerFromInspect(wire: any): Container {
  const { State: state } = wire;
  return {
    id: wire.Id,
    created: wire.Created,
    name: wire.Name.slice(1),
    imageId: wire.Image,
    imageRef: wire.Config.Image,
    path: wire.Path,
    args: wire.Args,
    config: toContainerConfig(decodeJson(ContainerConfigSchema, wire.Config)),
    hostConfig: toHostConfig(decodeJson(HostConfigSchema, wire.HostConfig)),
    state: {
      status: state.Status,
      running: state.Running,
      paused: state.Paused,
      restarting: state.Restarting,
      removalInProgress: false,
      dead: state.Dead,
      ooms: Number(state.OOMKilled),
      pid: state.Pid,
      exitCode: state.ExitCode,
      error: state.Error,
      startedAt: state.StartedAt,
      finishedAt: state.FinishedAt,
      health: state.Health
        ? {
            status: state.Health.Status,
            failingStreak: state.Health.FailingStreak,
            log: state.Health.Log.map((entry: any) => ({
              start: entry.Start,
              end: entry.End,
              exitCode: entry.ExitCode,
              output: entry.Output,
            })),
          }
        : null,
      manuallyStopped: false,
    },
    network: networkFromInspect(wire.NetworkSettings),
    mounts: wire.Mounts.map(mountFromWire),
    restartCount: wire.RestartCount,
    driver: wire.Driver,
    platform: wire.Platform,
    mountLabel: wire.MountLabel,
    processLabel: wire.ProcessLabel,
    appArmorProfile: wire.AppArmorProfile,
    resolvConfPath: wire.ResolvConfPath,
    hostnamePath: wire.HostnamePath,
    hostsPath: wire.HostsPath,
    logPath: wire.LogPath,
    graphDriver: { name: wire.GraphDriver.Name, data: wire.GraphDriver.Data },
    execIds: wire.ExecIDs ?? [],
    imageManifestDescriptor: null,
  };
}

export function mountFromWire(mount: any): MountPoint {
  return {
    type: mount.Type,
    name: mount.Name ?? '',
    source: mount.Source,
    destination: mount.Destination,
    driver: mount.Driver ?? '',
    mode: mount.Mode,
    rw: mount.RW,
    propagation: mount.Propagation,
  };
}

function networkFromInspect(wire: any): Container['network'] {
  const ports = Object.entries<any>(wire.Ports).map(([port, list]) => [
    port,
    list?.map((binding: any) => ({ hostIp: binding.HostIp, hostPort: Number(binding.HostPort) })) ?? null,
  ]);
  return {
    sandboxId: wire.SandboxID,
    sandboxKey: wire.SandboxKey,
    networks: Object.fromEntries(
      Object.entries<any>(wire.Networks).map(([name, endpoint]) => [name, endpointFromInspect(endpoint)]),
    ),
    ports: Object.fromEntries(ports),
  };
}

function endpointFromInspect(wire: any): ContainerEndpoint {
  return {
    ...toEndpointConfig(decodeJson(EndpointSettingsSchema, wire)),
    macAddress: '',
    networkId: wire.NetworkID,
    endpointId: wire.EndpointID,
    gateway: wire.Gateway,
    ipAddress: wire.IPAddress,
    ipPrefixLen: wire.IPPrefixLen,
    ipv6Gateway: wire.IPv6Gateway,
    globalIpv6Address: wire.GlobalIPv6Address,
    globalIpv6PrefixLen: wire.GlobalIPv6PrefixLen,
    effectiveMacAddress: wire.MacAddress,
    dnsNames: wire.DNSNames,
  };
}
