import { DEFAULT_MASKED_PATHS, DEFAULT_READONLY_PATHS } from '../../host/oci/standard-mounts.js';
import type { CreateContainerRequest, HostConfig, MountSpec } from './container-config.js';
import type { ContainerDefaults } from './containers-deps.js';
import { withLabelOptions } from './security-opt.js';

const DEFAULT_SHM_MODE_API = [1, 40] as const;
const DEFAULT_CGROUPNS_API = [1, 41] as const;
const RECURSIVE_READ_ONLY_API = [1, 44] as const;

/**
 * The host configuration with the daemon's defaults filled in. Clients of older API versions get what they were written
 * for: IPC that can be shared below 1.40, the host's cgroup namespace below 1.41, read-only binds that do not reach mounts
 * below them before 1.44. Source: Engine API version history.
 */
export function applyHostDefaults(request: CreateContainerRequest, defaults: ContainerDefaults): HostConfig {
  const { hostConfig: host, apiVersion } = request;
  const older = (version: readonly [number, number]): boolean =>
    apiVersion[0] < version[0] || (apiVersion[0] === version[0] && apiVersion[1] < version[1]);
  const isJoining = host.networkMode.startsWith('container:');
  return {
    ...host,
    networkMode: ['', 'default'].includes(host.networkMode) ? 'bridge' : host.networkMode,
    restartPolicy: { ...host.restartPolicy, name: host.restartPolicy.name || 'no' },
    shmSizeBytes: host.shmSizeBytes || defaults.shmSizeBytes,
    ipcMode: host.ipcMode || (older(DEFAULT_SHM_MODE_API) ? 'shareable' : defaults.ipcMode),
    cgroupnsMode:
      host.cgroupnsMode || (older(DEFAULT_CGROUPNS_API) && !isJoining ? 'host' : cgroupnsDefault(host, defaults)),
    memorySwapBytes: defaultSwap(host),
    runtime: host.runtime || defaults.runtime,
    // v2 has no such switch.
    oomKillDisable: host.oomKillDisable ?? (defaults.cgroupVersion === 1 ? false : null),
    maskedPaths: host.maskedPaths ?? (host.privileged ? null : [...DEFAULT_MASKED_PATHS]),
    readonlyPaths: host.readonlyPaths ?? (host.privileged ? null : [...DEFAULT_READONLY_PATHS]),
    securityOpt: withLabelOptions(host.securityOpt, host),
    logConfig: logConfig(host, defaults),
    mounts: older(RECURSIVE_READ_ONLY_API) ? host.mounts.map(readOnlyAtTopOnly) : host.mounts,
  };
}

/** Privileged containers keep the host's view on cgroup v1, where a private one would hide what they came for. */
function cgroupnsDefault(host: HostConfig, defaults: ContainerDefaults): string {
  return host.privileged && defaults.cgroupVersion === 1 ? 'host' : defaults.cgroupnsMode;
}

/** A memory limit alone allows the same amount of swap on top. Source: Docker documentation, "--memory-swap details". */
function defaultSwap(host: HostConfig): number {
  return host.memoryBytes > 0 && host.memorySwapBytes === 0 ? host.memoryBytes * 2 : host.memorySwapBytes;
}

function logConfig(host: HostConfig, defaults: ContainerDefaults): HostConfig['logConfig'] {
  const { type, config } = host.logConfig;
  if (type === '' && Object.keys(config).length > 0) return { type: 'json-file', config };
  const driver = type || defaults.logDriver;
  return driver === defaults.logDriver
    ? { type: driver, config: { ...defaults.logOptions, ...config } }
    : { type: driver, config };
}

/** Only where there are options for binds at all: that is what dockerd does. */
function readOnlyAtTopOnly(mount: MountSpec): MountSpec {
  const { bindOptions } = mount;
  if (mount.type !== 'bind' || !mount.readOnly || !bindOptions) return mount;
  return { ...mount, bindOptions: { ...bindOptions, readOnlyNonRecursive: true } };
}
