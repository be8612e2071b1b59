import type { EngineInfo } from '../../engine/system/system-service.js';

const commit = (id: string) => ({ ID: id, Expected: id });

/** The body of `GET /info`, with every field of every version. */
export function fromEngineInfo(info: EngineInfo) {
  return {
    ID: info.id,
    Containers: info.containers,
    ContainersRunning: info.containersRunning,
    ContainersPaused: info.containersPaused,
    ContainersStopped: info.containersStopped,
    Images: info.images,
    Driver: info.driver,
    DriverStatus: info.driverStatus,
    Plugins: {
      Volume: info.plugins.volume,
      Network: info.plugins.network,
      Authorization: info.plugins.authorization,
      Log: info.plugins.log,
    },
    MemoryLimit: info.memoryLimit,
    SwapLimit: info.swapLimit,
    KernelMemory: false,
    KernelMemoryTCP: false,
    CpuCfsPeriod: info.cpuCfsPeriod,
    CpuCfsQuota: info.cpuCfsQuota,
    CPUShares: info.cpuShares,
    CPUSet: info.cpuSet,
    PidsLimit: info.pidsLimit,
    IPv4Forwarding: info.ipv4Forwarding,
    BridgeNfIptables: false,
    BridgeNfIp6tables: false,
    Debug: info.debug,
    NFd: info.openFiles,
    OomKillDisable: info.oomKillDisable,
    NGoroutines: info.tasks,
    SystemTime: info.systemTime,
    LoggingDriver: info.loggingDriver,
    CgroupDriver: info.cgroupDriver,
    CgroupVersion: info.cgroupVersion,
    NEventsListener: info.eventListeners,
    KernelVersion: info.kernelVersion,
    OperatingSystem: info.operatingSystem,
    OSVersion: info.osVersion,
    OSType: 'linux',
    Architecture: info.architecture,
    IndexServerAddress: info.indexServerAddress,
    RegistryConfig: registryConfig(info),
    NCPU: info.cpus,
    MemTotal: info.memTotalBytes,
    GenericResources: null,
    DockerRootDir: info.dockerRootDir,
    HttpProxy: info.httpProxy,
    HttpsProxy: info.httpsProxy,
    NoProxy: info.noProxy,
    Name: info.name,
    Labels: info.labels,
    ExperimentalBuild: info.experimentalBuild,
    ServerVersion: info.serverVersion,
    Runtimes: Object.fromEntries(
      Object.entries(info.runtimes).map(([name, { path, runtimeArgs, status }]) => [
        name,
        { path, runtimeArgs: runtimeArgs.length > 0 ? runtimeArgs : undefined, status },
      ]),
    ),
    DefaultRuntime: info.defaultRuntime,
    Swarm: {
      NodeID: '',
      NodeAddr: '',
      LocalNodeState: 'inactive',
      ControlAvailable: false,
      Error: '',
      RemoteManagers: null,
    },
    LiveRestoreEnabled: info.liveRestoreEnabled,
    Isolation: '',
    InitBinary: info.initBinary,
    ContainerdCommit: commit(info.containerdCommit),
    RuncCommit: commit(info.runcCommit),
    InitCommit: commit(info.initCommit),
    SecurityOptions: info.securityOptions,
    DefaultAddressPools: addressPools(info),
    FirewallBackend: {
      Driver: info.firewallBackend.driver,
      Info: info.firewallBackend.info.length > 0 ? info.firewallBackend.info : undefined,
    },
    DiscoveredDevices: [],
    CDISpecDirs: info.cdiSpecDirs,
    Warnings: info.warnings.length > 0 ? info.warnings : null,
  };
}

function registryConfig(info: EngineInfo) {
  const insecure = Object.fromEntries(
    info.insecureRegistryHosts.map((host) => [host, { Name: host, Mirrors: [], Secure: false, Official: false }]),
  );
  return {
    AllowNondistributableArtifactsCIDRs: null,
    AllowNondistributableArtifactsHostnames: null,
    InsecureRegistryCIDRs: info.insecureRegistryCidrs,
    IndexConfigs: {
      ...insecure,
      'docker.io': { Name: 'docker.io', Mirrors: info.registryMirrors, Secure: true, Official: true },
    },
    Mirrors: info.registryMirrors.length > 0 ? info.registryMirrors : null,
  };
}

function addressPools(info: EngineInfo) {
  if (info.defaultAddressPools.length === 0) return undefined;
  return info.defaultAddressPools.map(({ base, size }) => ({ Base: base, Size: size }));
}
