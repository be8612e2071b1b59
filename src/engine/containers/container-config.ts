/**
 * What a client asks for when it creates a container, in the engine's own words. Values are as the client gave them
 * after defaults were filled in by `containers/create.ts`; durations are nanoseconds and sizes bytes, as in the Engine API.
 */

/** A health check's settings. `test` is `[]` (inherit), `['NONE']`, `['CMD', …]` or `['CMD-SHELL', cmd]`; 0 means default. */
export interface HealthConfig {
  test: string[] | null;
  intervalNs: number;
  timeoutNs: number;
  startPeriodNs: number;
  startIntervalNs: number;
  retries: number;
}

/** The portable part. `null` for a list means "not given", which is not the same as an empty list where an image is inherited from. */
export interface ContainerConfig {
  hostname: string;
  domainname: string;
  user: string;
  attachStdin: boolean;
  attachStdout: boolean;
  attachStderr: boolean;
  /** Keys `80/tcp`. */
  exposedPorts: string[];
  tty: boolean;
  openStdin: boolean;
  stdinOnce: boolean;
  env: string[];
  cmd: string[] | null;
  healthcheck: HealthConfig | null;
  argsEscaped: boolean;
  image: string;
  /** Container paths of anonymous volumes. */
  volumes: string[];
  workingDir: string;
  entrypoint: string[] | null;
  networkDisabled: boolean;
  /** Only for API < 1.44 clients; newer ones give it per endpoint. */
  macAddress: string;
  onBuild: string[] | null;
  labels: Record<string, string>;
  /** Empty for default. */
  stopSignal: string;
  /** Seconds; null for default; -1 waits for ever. */
  stopTimeoutSec: number | null;
  shell: string[] | null;
}

/** `no` is also what an empty name means. */
export type RestartPolicyName = '' | 'no' | 'always' | 'unless-stopped' | 'on-failure';

export interface RestartPolicy {
  name: RestartPolicyName;
  /** 0: without limit. */
  maximumRetryCount: number;
}

export interface PortBinding {
  /** Empty: all addresses. */
  hostIp: string;
  /** `''` or `'0'`: ephemeral; `'8000-8010'`: one of these. */
  hostPort: string;
}

export interface LogConfig {
  type: string;
  config: Record<string, string>;
}

export interface DeviceMapping {
  pathOnHost: string;
  pathInContainer: string;
  cgroupPermissions: string;
}

export interface DeviceRequest {
  driver: string;
  count: number;
  deviceIds: string[] | null;
  capabilities: string[][] | null;
  options: Record<string, string> | null;
}

export interface Ulimit {
  name: string;
  soft: number;
  hard: number;
}

export interface ThrottleDevice {
  path: string;
  rate: number;
}

export interface WeightDevice {
  path: string;
  weight: number;
}

export type MountType = 'bind' | 'volume' | 'tmpfs' | 'image' | 'npipe' | 'cluster';
export type MountPropagation = '' | 'private' | 'rprivate' | 'shared' | 'rshared' | 'slave' | 'rslave';

export interface BindOptions {
  propagation: MountPropagation;
  nonRecursive: boolean;
  createMountpoint: boolean;
  readOnlyNonRecursive: boolean;
  readOnlyForceRecursive: boolean;
}

export interface VolumeOptions {
  noCopy: boolean;
  labels: Record<string, string>;
  driverConfig: { name: string; options: Record<string, string> } | null;
  subpath: string;
}

export interface TmpfsOptions {
  sizeBytes: number;
  /** File mode bits; 0: default 1777. */
  mode: number;
  options: string[][];
}

/** One entry of `HostConfig.Mounts`. `type` is unvalidated text until create has checked it. */
export interface MountSpec {
  type: string;
  source: string;
  target: string;
  readOnly: boolean;
  consistency: string;
  bindOptions: BindOptions | null;
  volumeOptions: VolumeOptions | null;
  tmpfsOptions: TmpfsOptions | null;
  imageOptions: { subpath: string } | null;
}

/** Resource limits; 0 or '' means "not set", except where said. */
export interface Resources {
  cpuShares: number;
  memoryBytes: number;
  /** 0: twice the memory; -1: unlimited. */
  memorySwapBytes: number;
  memoryReservationBytes: number;
  /** null: not set; -1 is what old clients send for not set. */
  memorySwappiness: number | null;
  kernelMemoryBytes: number;
  kernelMemoryTcpBytes: number;
  nanoCpus: number;
  cgroupParent: string;
  blkioWeight: number;
  blkioWeightDevice: WeightDevice[];
  blkioDeviceReadBps: ThrottleDevice[];
  blkioDeviceWriteBps: ThrottleDevice[];
  blkioDeviceReadIops: ThrottleDevice[];
  blkioDeviceWriteIops: ThrottleDevice[];
  cpuPeriod: number;
  cpuQuota: number;
  cpuRealtimePeriod: number;
  cpuRealtimeRuntime: number;
  cpusetCpus: string;
  cpusetMems: string;
  devices: DeviceMapping[];
  deviceCgroupRules: string[];
  deviceRequests: DeviceRequest[];
  oomKillDisable: boolean | null;
  /** null: not set; 0 or -1: unlimited. */
  pidsLimit: number | null;
  ulimits: Ulimit[];
  cpuCount: number;
  cpuPercent: number;
  ioMaximumIops: number;
  ioMaximumBandwidth: number;
}

/** The part that depends on the host. */
export interface HostConfig extends Resources {
  binds: string[];
  containerIdFile: string;
  logConfig: LogConfig;
  /** `default`, `bridge`, `host`, `none`, `container:<name|id>` or a network's name or id. */
  networkMode: string;
  /** By `80/tcp`. */
  portBindings: Record<string, PortBinding[]>;
  restartPolicy: RestartPolicy;
  autoRemove: boolean;
  volumeDriver: string;
  volumesFrom: string[];
  mounts: MountSpec[];
  /** [height, width]; [0, 0]: not set. */
  consoleSize: [number, number];
  annotations: Record<string, string>;
  capAdd: string[];
  capDrop: string[];
  /** '' : daemon's default. */
  cgroupnsMode: string;
  dns: string[];
  dnsOptions: string[];
  dnsSearch: string[];
  extraHosts: string[];
  groupAdd: string[];
  ipcMode: string;
  cgroup: string;
  links: string[];
  oomScoreAdj: number;
  pidMode: string;
  privileged: boolean;
  publishAllPorts: boolean;
  readonlyRootfs: boolean;
  securityOpt: string[];
  storageOpt: Record<string, string>;
  /** Mount options by container path. */
  tmpfs: Record<string, string>;
  utsMode: string;
  usernsMode: string;
  shmSizeBytes: number;
  sysctls: Record<string, string>;
  /** '' : default runtime. */
  runtime: string;
  isolation: string;
  /** null: the default list; []: none. */
  maskedPaths: string[] | null;
  /** null: the default list; []: none. */
  readonlyPaths: string[] | null;
  init: boolean | null;
  /**
   * Lists and maps that the client gave as empty ones, by their names in the API. Inspect shows them as such, and those that
   * were not given as null.
   */
  explicitlyEmpty?: string[];
}

export interface EndpointIpamConfig {
  ipv4Address: string;
  ipv6Address: string;
  linkLocalIps: string[];
}

/** What a client asks for one network of a container. */
export interface EndpointConfig {
  ipamConfig: EndpointIpamConfig | null;
  links: string[] | null;
  aliases: string[] | null;
  driverOpts: Record<string, string> | null;
  macAddress: string;
  gwPriority: number;
}

/** Everything of a create request. */
export interface CreateContainerRequest {
  /** '' : generate one. A leading slash is accepted. */
  name: string;
  /** `os/arch[/variant]` or ''. */
  platform: string;
  config: ContainerConfig;
  hostConfig: HostConfig;
  /** By network name or id. */
  endpoints: Record<string, EndpointConfig>;
  /** Which API version asks, as [major, minor]; a few defaults depend on it (IPC mode, read-only recursion). */
  apiVersion: readonly [number, number];
}
