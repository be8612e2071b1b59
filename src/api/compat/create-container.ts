import { invalid } from '../../shared/errors.js';
import type { WireCreateContainer } from '../schemas/create-container.js';
import type { WireMountSpec } from '../schemas/mount-spec.js';
import { migrateMacAddress } from './container-mac-address.js';
import type { RequestUpgrade } from './request-upgrade.js';

type Body = WireCreateContainer;

const mounts = (body: Body): WireMountSpec[] => body.HostConfig?.Mounts ?? [];
const endpoints = (body: Body) => body.NetworkingConfig?.EndpointsConfig ?? {};

/**
 * How create requests differ between API versions.
 * Defaults that depend on the version (IPC, cgroup namespace, depth of read-only binds) are the engine's, which is told
 * the version. Source: Engine API changelog; texts recorded from dockerd 28.5.
 */
export const CREATE_CONTAINER_UPGRADES: readonly RequestUpgrade<Body>[] = [
  // Not a version's matter: a limit of 0 or below is no limit, and `default` is the daemon's bridge.
  { change: dropUnlimitedPids },
  { change: nameDefaultNetwork },

  { below: '1.40', change: ignoreNonRecursiveBinds },
  { below: '1.40', change: ({ HostConfig }) => void delete HostConfig?.KernelMemoryTCP },
  { from: '1.40', below: '1.41', change: refuseCapabilities },

  { below: '1.42', change: ({ HostConfig }) => void delete HostConfig?.ConsoleSize },
  { below: '1.42', change: ignoreCreateMountpoint },
  { from: '1.42', change: ({ HostConfig }) => void delete HostConfig?.KernelMemory },
  { from: '1.42', change: refuseOptionsOfOtherMountTypes },

  { below: '1.43', change: ({ HostConfig }) => void delete HostConfig?.Annotations },

  { below: '1.44', change: ({ Healthcheck }) => void delete Healthcheck?.StartInterval },
  { below: '1.44', change: refuseForcedRecursion },
  { below: '1.44', change: refuseSeveralEndpoints },
  { below: '1.44', change: (body) => Object.values(endpoints(body)).forEach((one) => delete one.MacAddress) },
  { below: '1.44', change: (body) => migrateMacAddress(body, 'legacy') },
  { from: '1.44', below: '1.52', change: (body, warnings) => migrateMacAddress(body, 'deprecated', warnings) },
  { from: '1.52', change: refuseContainerMacAddress },

  { below: '1.45', change: refuseVolumeSubpath },
  { below: '1.48', change: refuseImageMounts },
  { below: '1.48', change: (body) => Object.values(endpoints(body)).forEach((one) => delete one.GwPriority) },
  { below: '1.48', change: migrateInterfaceSysctls },
  { from: '1.48', change: refuseInterfaceSysctls },
  { from: '1.48', change: warnOfVolumeDriver },
  { from: '1.52', change: ({ HostConfig }) => void delete HostConfig?.KernelMemoryTCP },
  { from: '1.52', change: warnOfEmptyPortBindings },
];

function dropUnlimitedPids({ HostConfig: host }: Body): void {
  if (host?.PidsLimit !== undefined && host.PidsLimit <= 0) delete host.PidsLimit;
}

function nameDefaultNetwork(body: Body): void {
  const host = (body.HostConfig ??= {});
  if (!host.NetworkMode || host.NetworkMode === 'default') host.NetworkMode = 'bridge';
  const { EndpointsConfig: config } = body.NetworkingConfig ?? {};
  if (!config?.['default']) return;
  config['bridge'] ??= config['default'];
  delete config['default'];
}

function ignoreNonRecursiveBinds(body: Body): void {
  for (const { BindOptions: bind } of mounts(body)) delete bind?.NonRecursive;
}

/** 1.40 took an exact list here, and 1.41 forgot it: to ignore it would give other rights than were asked for. */
function refuseCapabilities({ HostConfig: host }: Body): void {
  if (host?.Capabilities && host.Capabilities.length > 0) {
    throw invalid('HostConfig.Capabilities is not supported, use CapAdd and CapDrop instead');
  }
}

function ignoreCreateMountpoint(body: Body): void {
  for (const { BindOptions: bind } of mounts(body)) delete bind?.CreateMountpoint;
}

function refuseOptionsOfOtherMountTypes(body: Body): void {
  for (const mount of mounts(body)) {
    const type = mount.Type ?? '';
    const refuse = (options: string) => invalid(`${options} must not be specified on mount type "${type}"`);
    if (mount.BindOptions && type !== 'bind') throw refuse('BindOptions');
    if (mount.VolumeOptions && type !== 'volume' && type !== 'cluster') throw refuse('VolumeOptions');
    if (mount.TmpfsOptions && type !== 'tmpfs') throw refuse('TmpfsOptions');
  }
}

function refuseForcedRecursion(body: Body): void {
  for (const mount of mounts(body)) {
    if (mount.BindOptions?.ReadOnlyForceRecursive) {
      throw invalid('BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer');
    }
  }
}

function refuseSeveralEndpoints(body: Body): void {
  const names = Object.keys(endpoints(body));
  if (names.length > 1) {
    throw invalid(`Container cannot be created with multiple network endpoints: ${names.join(', ')}`);
  }
}

function refuseContainerMacAddress(body: Body): void {
  if (body.MacAddress) {
    throw invalid('container-wide MAC address no longer supported; use endpoint-specific MAC address instead');
  }
}

function refuseVolumeSubpath(body: Body): void {
  if (mounts(body).some((mount) => mount.VolumeOptions?.Subpath)) {
    throw invalid('VolumeOptions.Subpath needs API v1.45 or newer');
  }
}

function refuseImageMounts(body: Body): void {
  if (mounts(body).some((mount) => mount.Type === 'image')) {
    throw invalid('Mount type "Image" needs API v1.48 or newer');
  }
}

const SYSCTLS_OPTION = 'com.docker.network.endpoint.sysctls';

/** The sysctls of one interface: `net.ipv4.conf.eth0.log_martians`. */
function interfaceSysctls({ HostConfig: host }: Body): [name: string, value: string][] {
  return Object.entries(host?.Sysctls ?? {}).filter(([name]) =>
    /^net\.(ipv4|ipv6|mpls)\.(conf|neigh)\.(?!all\.|default\.)[^.]+\./.test(name),
  );
}

function refuseInterfaceSysctls(body: Body): void {
  const [first] = interfaceSysctls(body);
  if (!first) return;
  throw invalid(
    `interface specific sysctl setting "${first[0]}" must be supplied using driver option '${SYSCTLS_OPTION}'`,
  );
}

/** Those of eth0 become an option of the first endpoint, which is eth0; a newer client has to say it itself. */
function migrateInterfaceSysctls(body: Body, warnings: string[]): void {
  const host = body.HostConfig;
  const found = interfaceSysctls(body).filter(([name]) => name.split('.')[3] === 'eth0');
  if (!host?.Sysctls || found.length === 0) return;
  const networks = ((body.NetworkingConfig ??= {}).EndpointsConfig ??= {});
  const endpoint = (networks[host.NetworkMode ?? 'bridge'] ??= {});
  for (const [name, value] of found) {
    const setting = `${name.replace('.eth0.', '.IFNAME.')}=${value}`;
    delete host.Sysctls[name];
    const options = (endpoint.DriverOpts ??= {});
    options[SYSCTLS_OPTION] = options[SYSCTLS_OPTION] ? `${options[SYSCTLS_OPTION]},${setting}` : setting;
    warnings.push(`Migrated sysctl "${name}" to DriverOpts{"${SYSCTLS_OPTION}":"${setting}"}.`);
  }
}

/** Older CLIs warn by themselves. */
function warnOfVolumeDriver(body: Body, warnings: string[]): void {
  const isIgnored = mounts(body).some(
    ({ Type: type, VolumeOptions: options }) => type === 'volume' && !options?.DriverConfig?.Name,
  );
  if (!body.HostConfig?.VolumeDriver || !isIgnored) return;
  warnings.push(
    "WARNING: the container-wide volume-driver configuration is ignored for volumes specified via 'mount'. Use '--mount type=volume,volume-driver=...' instead",
  );
}

function warnOfEmptyPortBindings({ HostConfig: host }: Body, warnings: string[]): void {
  for (const [port, bindings] of Object.entries(host?.PortBindings ?? {})) {
    if (bindings.length === 0) {
      warnings.push(`The list of port bindings of ${port} is empty; it is published on an ephemeral port.`);
    }
  }
}
