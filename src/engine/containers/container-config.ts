/**
 * What a client asks for when it creates a container, in the engine's own words. Values are as the client gave them
 * after defaults were filled in by `containers/create.ts`; durations are nanoseconds and sizes bytes, as in the Engine API.
 */

/** A health check's settings. `test` is `[]` (inherit), `['NONE']`, `['CMD', …]` or `['CMD-SHELL', cmd]`; 0 means default. */
export interface HealthConfig {
  readonly test: readonly string[] | null;
  readonly intervalNs: number;
  readonly timeoutNs: number;
  readonly startPeriodNs: number;
  readonly startIntervalNs: number;
  readonly retries: number;
}

/** The portable part. `null` for a list means "not given", which is not the same as an empty list where an image is inherited from. */
export interface ContainerConfig {
  readonly hostname: string;
  readonly domainname: string;
  readonly user: string;
  readonly attachStdin: boolean;
  readonly attachStdout: boolean;
  readonly attachStderr: boolean;
  /** Keys `80/tcp`. */
  readonly exposedPorts: readonly string[];
  readonly tty: boolean;
  readonly openStdin: boolean;
  readonly stdinOnce: boolean;
  readonly env: readonly string[];
  readonly cmd: readonly string[] | null;
  readonly healthcheck: HealthConfig | null;
  readonly argsEscaped: boolean;
  readonly image: string;
  /** Container paths of anonymous volumes. */
  readonly volumes: readonly string[];
  readonly workingDir: string;
  readonly entrypoint: readonly string[] | null;
  readonly networkDisabled: boolean;
  /** Only for API < 1.44 clients; newer ones give it per endpoint. */
  readonly macAddress: string;
  readonly onBuild: readonly string[] | null;
  readonly labels: Readonly<Record<string, string>>;
  /** Empty for default. */
  readonly stopSignal: string;
  /** Seconds; null for default; -1 waits for ever. */
  readonly stopTimeoutSec: number | null;
  readonly shell: readonly string[] | null;
}

/** `no` is also what an empty name means. */
export type RestartPolicyName = '' | 'no' | 'always' | 'unless-stopped' | 'on-failure';

export interface RestartPolicy {
  readonly name: RestartPolicyName;
  /** 0: without limit. */
  readonly maximumRetryCount: number;
}

export interface PortBinding {
  /** Empty: all addresses. */
  readonly hostIp: string;
  /** `''` or `'0'`: ephemeral; `'8000-8010'`: one of these. */
  readonly hostPort: string;
}

export interface LogConfig {
  readonly type: string;
  readonly config: Readonly<Record<string, string>>;
}

export interface DeviceMapping {
  readonly pathOnHost: string;
  readonly pathInContainer: string;
  readonly cgroupPermissions: string;
}

export interface DeviceRequest {
  readonly driver: string;
  readonly count: number;
  readonly deviceIds: readonly string[] | null;
  readonly capabilities: readonly string[][] | null;
  readonly options: Readonly<Record<string, string>> | null;
}

export interface Ulimit {
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

export interface ThrottleDevice {
  readonly path: string;
  readonly rate: number;
}

export interface WeightDevice {
  readonly path: string;
  readonly weight: number;
}

export type MountType = 'bind' | 'volume' | 'tmpfs' | 'image' | 'npipe' | 'cluster';
export type MountPropagation = '' | 'private' | 'rprivate' | 'shared' | 'rshared' | 'slave' | 'rslave';

export interface BindOptions {
  readonly propagation: MountPropagation;
  readonly nonRecursive: boolean;
  readonly createMountpoint: boolean;
  readonly readOnlyNonRecursive: boolean;
  readonly readOnlyForceRecursive: boolean;
}

export interface VolumeOptions {
  readonly noCopy: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly driverConfig: { name: string; options: Readonly<Record<string, string>> } | null;
  readonly subpath: string;
}

export interface TmpfsOptions {
  readonly sizeBytes: number;
  /** File mode bits; 0: default 1777. */
  readonly mode: number;
  readonly options: readonly string[][];
}

/** One entry of `HostConfig.Mounts`. `type` is unvalidated text until create has checked it. */
export interface MountSpec {
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly consistency: string;
  readonly bindOptions: BindOptions | null;
  readonly volumeOptions: VolumeOptions | null;
  readonly tmpfsOptions: TmpfsOptions | null;
  readonly imageOptions: { subpath: string } | null;
}

/** Resource limits; 0 or '' means "not set", except where said. */
export interface Resources {
  readonly cpuShares: number;
  readonly memoryBytes: number;
  /** 0: twice the memory; -1: unlimited. */
  readonly memorySwapBytes: number;
  readonly memoryReservationBytes: number;
  /** null: not set; -1 is what old clients send for not set. */
  readonly memorySwappiness: number | null;
  readonly kernelMemoryBytes: number;
  readonly kernelMemoryTcpBytes: number;
  readonly nanoCpus: number;
  readonly cgroupParent: string;
  readonly blkioWeight: number;
  readonly blkioWeightDevice: readonly WeightDevice[];
  readonly blkioDeviceReadBps: readonly ThrottleDevice[];
  readonly blkioDeviceWriteBps: readonly ThrottleDevice[];
  readonly blkioDeviceReadIops: readonly ThrottleDevice[];
  readonly blkioDeviceWriteIops: readonly ThrottleDevice[];
  readonly cpuPeriod: number;
  readonly cpuQuota: number;
  readonly cpuRealtimePeriod: number;
  readonly cpuRealtimeRuntime: number;
  readonly cpusetCpus: string;
  readonly cpusetMems: string;
  readonly devices: readonly DeviceMapping[];
  readonly deviceCgroupRules: readonly string[];
  readonly deviceRequests: readonly DeviceRequest[];
  readonly oomKillDisable: boolean | null;
  /** null: not set; 0 or -1: unlimited. */
  readonly pidsLimit: number | null;
  readonly ulimits: readonly Ulimit[];
  readonly cpuCount: number;
  readonly cpuPercent: number;
  readonly ioMaximumIops: number;
  readonly ioMaximumBandwidth: number;
}

/** The part that depends on the host. */
export interface HostConfig extends Resources {
  readonly binds: readonly string[];
  readonly containerIdFile: string;
  readonly logConfig: LogConfig;
  /** `default`, `bridge`, `host`, `none`, `container:<name|id>` or a network's name or id. */
  readonly networkMode: string;
  /** By `80/tcp`. */
  readonly portBindings: Readonly<Record<string, readonly PortBinding[]>>;
  readonly restartPolicy: RestartPolicy;
  readonly autoRemove: boolean;
  readonly volumeDriver: string;
  readonly volumesFrom: readonly string[];
  readonly mounts: readonly MountSpec[];
  /** [height, width]; [0, 0]: not set. */
  readonly consoleSize: [number, number];
  readonly annotations: Readonly<Record<string, string>>;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  /** '' : daemon's default. */
  readonly cgroupnsMode: string;
  readonly dns: readonly string[];
  readonly dnsOptions: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly extraHosts: readonly string[];
  readonly groupAdd: readonly string[];
  readonly ipcMode: string;
  readonly cgroup: string;
  readonly links: readonly string[];
  readonly oomScoreAdj: number;
  readonly pidMode: string;
  readonly privileged: boolean;
  readonly publishAllPorts: boolean;
  readonly readonlyRootfs: boolean;
  readonly securityOpt: readonly string[];
  readonly storageOpt: Readonly<Record<string, string>>;
  /** Mount options by container path. */
  readonly tmpfs: Readonly<Record<string, string>>;
  readonly utsMode: string;
  readonly usernsMode: string;
  readonly shmSizeBytes: number;
  readonly sysctls: Readonly<Record<string, string>>;
  /** '' : default runtime. */
  readonly runtime: string;
  readonly isolation: string;
  /** null: the default list; []: none. */
  readonly maskedPaths: readonly string[] | null;
  /** null: the default list; []: none. */
  readonly readonlyPaths: readonly string[] | null;
  readonly init: boolean | null;
  /**
   * Lists and maps that the client gave as empty ones, by their names in the API. Inspect shows them as such, and those that
   * were not given as null.
   */
  readonly explicitlyEmpty?: readonly string[];
}

export interface EndpointIpamConfig {
  ipv4Address: string;
  ipv6Address: string;
  readonly linkLocalIps: readonly string[];
}

/** What a client asks for one network of a container. */
export interface EndpointConfig {
  readonly ipamConfig: EndpointIpamConfig | null;
  readonly links: readonly string[] | null;
  readonly aliases: readonly string[] | null;
  readonly driverOpts: Readonly<Record<string, string>> | null;
  readonly macAddress: string;
  readonly gwPriority: number;
}

/** Everything of a create request. */
export interface CreateContainerRequest {
  /** '' : generate one. A leading slash is accepted. */
  readonly name: string;
  /** `os/arch[/variant]` or ''. */
  readonly platform: string;
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  /** By network name or id. */
  readonly endpoints: Readonly<Record<string, EndpointConfig>>;
  /** Which API version asks, as [major, minor]; a few defaults depend on it (IPC mode, read-only recursion). */
  apiVersion: readonly [number, number];
}
