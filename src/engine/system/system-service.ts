import type { ContainerSummary } from '../containers/container.js';
import type { Image } from '../images/image.js';
import type { Volume } from '../volumes/volume.js';

export interface VersionComponent {
  name: string;
  version: string;
  details: Record<string, string>;
}

/** What `GET /version` tells. */
export interface EngineVersion {
  /** dockerd-like semver with our own version as build metadata. */
  version: string;
  platformName: string;
  gitCommit: string;
  goVersion: string;
  os: string;
  arch: string;
  kernelVersion: string;
  buildTime: string;
  experimental: boolean;
  components: VersionComponent[];
}

/** What `GET /info` tells; counts and flags as dockerd means them. */
export interface EngineInfo {
  id: string;
  containers: number;
  containersRunning: number;
  containersPaused: number;
  containersStopped: number;
  images: number;
  driver: string;
  driverStatus: [string, string][];
  plugins: { volume: string[]; network: string[]; authorization: string[] | null; log: string[] };
  memoryLimit: boolean;
  swapLimit: boolean;
  cpuCfsPeriod: boolean;
  cpuCfsQuota: boolean;
  cpuShares: boolean;
  cpuSet: boolean;
  pidsLimit: boolean;
  oomKillDisable: boolean;
  ipv4Forwarding: boolean;
  debug: boolean;
  openFiles: number;
  /** In-flight asynchronous work; stands where dockerd counts goroutines. */
  tasks: number;
  systemTime: string;
  loggingDriver: string;
  cgroupDriver: 'cgroupfs' | 'systemd' | 'none';
  cgroupVersion: '1' | '2';
  eventListeners: number;
  kernelVersion: string;
  operatingSystem: string;
  osVersion: string;
  architecture: string;
  cpus: number;
  memTotalBytes: number;
  indexServerAddress: string;
  registryMirrors: string[];
  insecureRegistryCidrs: string[];
  insecureRegistryHosts: string[];
  dockerRootDir: string;
  httpProxy: string;
  httpsProxy: string;
  noProxy: string;
  name: string;
  labels: string[];
  experimentalBuild: boolean;
  serverVersion: string;
  runtimes: Record<string, { path: string; runtimeArgs: string[]; status: Record<string, string> }>;
  defaultRuntime: string;
  liveRestoreEnabled: boolean;
  initBinary: string;
  containerdCommit: string;
  runcCommit: string;
  initCommit: string;
  securityOptions: string[];
  defaultAddressPools: { base: string; size: number }[];
  firewallBackend: { driver: string; info: [string, string][] };
  cdiSpecDirs: string[];
  warnings: string[];
}

export interface DiskUsage {
  layersSizeBytes: number;
  images: { image: Image; sharedSizeBytes: number; containers: number }[];
  /** As listed, with their sizes. */
  containers: ContainerSummary[];
  volumes: { volume: Volume; sizeBytes: number; refCount: number }[];
}

export type DiskUsageType = 'container' | 'image' | 'volume' | 'build-cache';

/** The daemon as a whole. */
export interface SystemService {
  /** The first call waits, a second at most, for what runtimes and inits say of themselves. */
  version(): Promise<EngineVersion>;
  /** From memory; never waits for a lock. The first call waits as that of `version`. */
  info(): Promise<EngineInfo>;
  /** Concurrent calls share one computation. */
  diskUsage(types: ReadonlySet<DiskUsageType>, signal: AbortSignal): Promise<DiskUsage>;
}
