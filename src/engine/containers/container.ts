import type { ContainerConfig, EndpointConfig, HostConfig } from './container-config.js';

/** The words of the Engine API's `State.Status`. */
export type ContainerStatus = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';

export interface HealthLogEntry {
  readonly start: string;
  readonly end: string;
  readonly exitCode: number;
  readonly output: string;
}

export interface HealthState {
  readonly status: 'none' | 'starting' | 'healthy' | 'unhealthy';
  readonly failingStreak: number;
  readonly log: readonly HealthLogEntry[];
}

/** Timestamps are RFC 3339 with nanoseconds; the zero time is `0001-01-01T00:00:00Z`. */
export interface ContainerState {
  readonly status: ContainerStatus;
  readonly running: boolean;
  readonly paused: boolean;
  readonly restarting: boolean;
  readonly removalInProgress: boolean;
  readonly dead: boolean;
  /** How often memory ran out in this run, as far as the world has been told. */
  readonly ooms: number;
  /** In the host's pid namespace; 0 when not running. */
  readonly pid: number;
  readonly exitCode: number;
  /** Why the last start failed; '' otherwise. */
  readonly error: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly health: HealthState | null;
  /** A user asked for the stop: restart policies `unless-stopped` and `always` treat it apart. */
  readonly manuallyStopped: boolean;
}

/** A mount of the container as inspect and ps show it. */
export interface MountPoint {
  readonly type: 'bind' | 'volume' | 'tmpfs' | 'image' | 'npipe' | 'cluster';
  /** Volume name; '' for others. */
  readonly name: string;
  /** Host path; '' for tmpfs. */
  readonly source: string;
  readonly destination: string;
  readonly driver: string;
  readonly mode: string;
  readonly rw: boolean;
  readonly propagation: string;
}

/** A container's place on one network: the request and, while it runs, what it was given. */
export interface ContainerEndpoint extends EndpointConfig {
  readonly networkId: string;
  readonly endpointId: string;
  readonly gateway: string;
  readonly ipAddress: string;
  readonly ipPrefixLen: number;
  ipv6Gateway: string;
  globalIpv6Address: string;
  globalIpv6PrefixLen: number;
  /** The address in use, generated or requested; `macAddress` is only the requested one. */
  readonly effectiveMacAddress: string;
  readonly dnsNames: readonly string[] | null;
}

/** A port as it is published right now. `hostPort` 0: exposed only. */
export interface PublishedPort {
  readonly containerPort: number;
  readonly proto: 'tcp' | 'udp' | 'sctp';
  readonly hostIp: string;
  readonly hostPort: number;
  /** It is reached at the container's own address, so it takes no port of the host. */
  readonly direct?: boolean;
}

export interface ContainerNetworkState {
  readonly sandboxId: string;
  readonly sandboxKey: string;
  /** By network name. */
  readonly networks: Readonly<Record<string, ContainerEndpoint>>;
  /** By `80/tcp`; null: exposed, not published. */
  readonly ports: Readonly<Record<string, { hostIp: string; hostPort: string }[] | null>>;
}

export interface GraphDriverData {
  readonly name: string;
  readonly data: Readonly<Record<string, string>>;
}

/** Everything about one container: what inspect shows and the store keeps. Replaced as a whole and never changed: texts made of it are kept with it. */
export interface Container {
  readonly id: string;
  readonly created: string;
  /** Without the leading slash. */
  readonly name: string;
  /** The image's id (`sha256:…`); '' if none. */
  readonly imageId: string;
  /** What the client named at create. */
  readonly imageRef: string;
  readonly path: string;
  readonly args: readonly string[];
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  readonly state: ContainerState;
  readonly network: ContainerNetworkState;
  readonly mounts: readonly MountPoint[];
  readonly restartCount: number;
  readonly driver: string;
  readonly platform: string;
  readonly mountLabel: string;
  readonly processLabel: string;
  readonly appArmorProfile: string;
  readonly resolvConfPath: string;
  readonly hostnamePath: string;
  readonly hostsPath: string;
  readonly logPath: string;
  readonly graphDriver: GraphDriverData;
  readonly execIds: readonly string[];
  /** Manifest the image came from, for API >= 1.48; null when unknown. */
  imageManifestDescriptor: {
    readonly mediaType: string;
    readonly digest: string;
    readonly sizeBytes: number;
    readonly platform: { os: string; architecture: string; variant: string } | null;
  } | null;
}

/** Sizes of the writable layer and of the whole root file system, bytes. */
export interface ContainerSize {
  readonly rwBytes: number;
  readonly rootFsBytes: number;
}

/** A row of `docker ps`. */
export interface ContainerSummary {
  readonly container: Container;
  /** With leading slashes, link aliases included. */
  readonly names: readonly string[];
  /** `Up 3 minutes (healthy)` and so on. */
  readonly statusText: string;
  /** The reference to show: the name given at create while it still points to the image, else the id. */
  readonly image: string;
  readonly command: string;
  readonly ports: readonly PublishedPort[];
  /** null: not asked for. */
  readonly size: ContainerSize | null;
}

export interface ListContainersOptions {
  readonly all: boolean;
  /** 0 or less: no limit. */
  readonly limit: number;
  readonly filters: Filters;
  /** Legacy parameters, ids or names; '' if not given. */
  readonly since: string;
  readonly before: string;
}

/** Parsed `filters`: OR within a key, AND across keys. */
export type Filters = ReadonlyMap<string, readonly string[]>;

export type WaitCondition = 'not-running' | 'next-exit' | 'removed';

export interface WaitResult {
  readonly statusCode: number;
  /** '' : none. */
  readonly error: string;
}
