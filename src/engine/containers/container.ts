import type { ContainerConfig, EndpointConfig, HostConfig } from './container-config.js';

/** The words of the Engine API's `State.Status`. */
export type ContainerStatus = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';

export interface HealthLogEntry {
  start: string;
  end: string;
  exitCode: number;
  output: string;
}

export interface HealthState {
  status: 'none' | 'starting' | 'healthy' | 'unhealthy';
  failingStreak: number;
  log: HealthLogEntry[];
}

/** Timestamps are RFC 3339 with nanoseconds; the zero time is `0001-01-01T00:00:00Z`. */
export interface ContainerState {
  status: ContainerStatus;
  running: boolean;
  paused: boolean;
  restarting: boolean;
  removalInProgress: boolean;
  dead: boolean;
  /** How often memory ran out in this run, as far as the world has been told. */
  ooms: number;
  /** In the host's pid namespace; 0 when not running. */
  pid: number;
  exitCode: number;
  /** Why the last start failed; '' otherwise. */
  error: string;
  startedAt: string;
  finishedAt: string;
  health: HealthState | null;
  /** A user asked for the stop: restart policies `unless-stopped` and `always` treat it apart. */
  manuallyStopped: boolean;
}

/** A mount of the container as inspect and ps show it. */
export interface MountPoint {
  type: 'bind' | 'volume' | 'tmpfs' | 'image' | 'npipe' | 'cluster';
  /** Volume name; '' for others. */
  name: string;
  /** Host path; '' for tmpfs. */
  source: string;
  destination: string;
  driver: string;
  mode: string;
  rw: boolean;
  propagation: string;
}

/** A container's place on one network: the request and, while it runs, what it was given. */
export interface ContainerEndpoint extends EndpointConfig {
  networkId: string;
  endpointId: string;
  gateway: string;
  ipAddress: string;
  ipPrefixLen: number;
  ipv6Gateway: string;
  globalIpv6Address: string;
  globalIpv6PrefixLen: number;
  /** The address in use, generated or requested; `macAddress` is only the requested one. */
  effectiveMacAddress: string;
  dnsNames: string[] | null;
}

/** A port as it is published right now. `hostPort` 0: exposed only. */
export interface PublishedPort {
  containerPort: number;
  proto: 'tcp' | 'udp' | 'sctp';
  hostIp: string;
  hostPort: number;
  /** It is reached at the container's own address, so it takes no port of the host. */
  direct?: boolean;
}

export interface ContainerNetworkState {
  sandboxId: string;
  sandboxKey: string;
  /** By network name. */
  networks: Record<string, ContainerEndpoint>;
  /** By `80/tcp`; null: exposed, not published. */
  ports: Record<string, { hostIp: string; hostPort: string }[] | null>;
}

export interface GraphDriverData {
  name: string;
  data: Record<string, string>;
}

/** Everything about one container: what inspect shows and the store keeps. */
export interface Container {
  id: string;
  created: string;
  /** Without the leading slash. */
  name: string;
  /** The image's id (`sha256:…`); '' if none. */
  imageId: string;
  /** What the client named at create. */
  imageRef: string;
  path: string;
  args: string[];
  config: ContainerConfig;
  hostConfig: HostConfig;
  state: ContainerState;
  network: ContainerNetworkState;
  mounts: MountPoint[];
  restartCount: number;
  driver: string;
  platform: string;
  mountLabel: string;
  processLabel: string;
  appArmorProfile: string;
  resolvConfPath: string;
  hostnamePath: string;
  hostsPath: string;
  logPath: string;
  graphDriver: GraphDriverData;
  execIds: string[];
  /** Manifest the image came from, for API >= 1.48; null when unknown. */
  imageManifestDescriptor: {
    mediaType: string;
    digest: string;
    sizeBytes: number;
    platform: { os: string; architecture: string; variant: string } | null;
  } | null;
}

/** Sizes of the writable layer and of the whole root file system, bytes. */
export interface ContainerSize {
  rwBytes: number;
  rootFsBytes: number;
}

/** A row of `docker ps`. */
export interface ContainerSummary {
  container: Container;
  /** With leading slashes, link aliases included. */
  names: string[];
  /** `Up 3 minutes (healthy)` and so on. */
  statusText: string;
  /** The reference to show: the name given at create while it still points to the image, else the id. */
  image: string;
  command: string;
  ports: PublishedPort[];
  /** null: not asked for. */
  size: ContainerSize | null;
}

export interface ListContainersOptions {
  all: boolean;
  /** 0 or less: no limit. */
  limit: number;
  filters: Filters;
  /** Legacy parameters, ids or names; '' if not given. */
  since: string;
  before: string;
}

/** Parsed `filters`: OR within a key, AND across keys. */
export type Filters = ReadonlyMap<string, readonly string[]>;

export type WaitCondition = 'not-running' | 'next-exit' | 'removed';

export interface WaitResult {
  statusCode: number;
  /** '' : none. */
  error: string;
}
