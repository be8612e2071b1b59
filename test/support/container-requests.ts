import type { ResourceSupport } from '../../src/host/cgroup/resource-support.js';
import type {
  ContainerConfig,
  CreateContainerRequest,
  HostConfig,
} from '../../src/engine/containers/container-config.js';
import { NO_RESOURCES } from '../../src/engine/containers/no-resources.js';

/** Configurations with nothing asked for, for tests. */
export function containerConfig(more: Partial<ContainerConfig> = {}): ContainerConfig {
  return {
    hostname: '',
    domainname: '',
    user: '',
    attachStdin: false,
    attachStdout: false,
    attachStderr: false,
    exposedPorts: [],
    tty: false,
    openStdin: false,
    stdinOnce: false,
    env: [],
    cmd: null,
    healthcheck: null,
    argsEscaped: false,
    image: '',
    volumes: [],
    workingDir: '',
    entrypoint: null,
    networkDisabled: false,
    macAddress: '',
    onBuild: null,
    labels: {},
    stopSignal: '',
    stopTimeoutSec: null,
    shell: null,
    ...more,
  };
}

export function hostConfig(more: Partial<HostConfig> = {}): HostConfig {
  return {
    ...NO_RESOURCES,
    binds: [],
    containerIdFile: '',
    logConfig: { type: '', config: {} },
    networkMode: 'none',
    portBindings: {},
    restartPolicy: { name: '', maximumRetryCount: 0 },
    autoRemove: false,
    volumeDriver: '',
    volumesFrom: [],
    mounts: [],
    consoleSize: [0, 0],
    annotations: {},
    capAdd: [],
    capDrop: [],
    cgroupnsMode: '',
    dns: [],
    dnsOptions: [],
    dnsSearch: [],
    extraHosts: [],
    groupAdd: [],
    ipcMode: '',
    cgroup: '',
    links: [],
    oomScoreAdj: 0,
    pidMode: '',
    privileged: false,
    publishAllPorts: false,
    readonlyRootfs: false,
    securityOpt: [],
    storageOpt: {},
    tmpfs: {},
    utsMode: '',
    usernsMode: '',
    shmSizeBytes: 0,
    sysctls: {},
    runtime: '',
    isolation: '',
    maskedPaths: null,
    readonlyPaths: null,
    init: null,
    ...more,
  };
}

export function createRequest(
  config: Partial<ContainerConfig>,
  host: Partial<HostConfig> = {},
  name = '',
): CreateContainerRequest {
  return {
    name,
    platform: '',
    config: containerConfig(config),
    hostConfig: hostConfig(host),
    endpoints: {},
    apiVersion: [1, 51],
  };
}

/** A kernel that knows all limits, or none. */
export function everything(supported: boolean): ResourceSupport {
  return {
    memoryLimit: supported,
    swapLimit: supported,
    oomKillDisable: supported,
    cpuCfsPeriod: supported,
    cpuCfsQuota: supported,
    cpuShares: supported,
    cpuSet: supported,
    pidsLimit: supported,
    memoryReservation: supported,
    memorySwappiness: supported,
    kernelMemory: supported,
    cpuRealtime: supported,
    blkioWeight: supported,
    blkioWeightDevice: supported,
    blkioReadBps: supported,
    blkioWriteBps: supported,
    blkioReadIops: supported,
    blkioWriteIops: supported,
  };
}
