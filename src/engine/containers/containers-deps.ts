import type { CdiRegistry } from '../../host/cdi/cdi-registry.js';
import type { CgroupLayout } from '../../host/cgroup/cgroup-layout.js';
import type { QuickMoves } from '../../host/cgroup/quick-moves.js';
import type { ProcessInput, ResolvedUser } from '../../host/oci/process-input.js';
import type { RuntimeRegistry } from '../../host/oci/runtimes.js';
import type { RuntimeProcess, RuntimeSpec } from '../../host/oci/runtime-spec.js';
import type { SpecInput } from '../../host/oci/spec-input.js';
import type { Logger } from '../../shared/logger.js';
import type { EmitEvent } from '../events/event.js';
import type { CommitOptions } from '../images/commit.js';
import type { Image } from '../images/image.js';
import type { NetworkService } from '../networks/network-service.js';
import type { VolumeService } from '../volumes/volume.js';
import type { Ulimit } from './container-config.js';
import type { ContainerSize, GraphDriverData } from './container.js';
import type { ContainerRepository } from './container-repository.js';
import type { ShimPort } from './shim-port.js';

/** What the containers stand on. Built once, in the composition root. */
export interface ContainersDeps {
  paths: ContainerRoots;
  defaults: ContainerDefaults;
  repository: ContainerRepository;
  images: ImageLookup;
  networks: NetworkService;
  volumes: VolumeService;
  snapshots: SnapshotPort;
  shims: ShimPort;
  oci: OciPort;
  /** null: CDI is turned off. */
  cdi: CdiRegistry | null;
  cgroups: CgroupPort;
  cgroupLayout: CgroupLayout;
  quickMoves: QuickMoves;
  emit: EmitEvent;
  log: Logger;
}

export interface ContainerRoots {
  /** `<data-root>/containers`: a directory per container with its log and the files bound into it. */
  containers: string;
  /** `<exec-root>/containers`, on a tmpfs: bundles and exit records. */
  bundles: string;
  /** `<exec-root>/shims`: the sockets. Short, since a socket's path may have 107 bytes at most. */
  sockets: string;
  /** `<exec-root>/views`: where root file systems of stopped containers are shown with their volumes, for copying. */
  views: string;
  /** The runtime's `--root`: where it keeps what it knows of containers. */
  runtimeRoot: string;
  /** The data-root itself; binding it (or a parent of it) into a container is made a slave mount. */
  dataRoot: string;
}

/** What a container gets that does not ask for it. */
export interface ContainerDefaults {
  runtime: string;
  logDriver: string;
  logOptions: Record<string, string>;
  shmSizeBytes: number;
  /** `private` or `shareable`. */
  ipcMode: string;
  /** `private` or `host`. */
  cgroupnsMode: string;
  /** '' : `/docker`, or `system.slice` with systemd. */
  cgroupParent: string;
  cgroupDriver: 'cgroupfs' | 'systemd';
  cgroupVersion: 1 | 2;
  ulimits: Ulimit[];
  /** Run an init in every container. */
  init: boolean;
  /** Host path of the init binary; null: none is installed. */
  initPath: string | null;
  stopTimeoutSec: number;
  noNewPrivileges: boolean;
  /** `builtin`, `unconfined`, or the JSON of a profile. */
  seccompProfile: string;
  dns: string[];
  dnsOptions: string[];
  dnsSearch: string[];
  hostGatewayIps: string[];
}

/** The images, as far as containers need them. */
export interface ImageLookup {
  find(ref: string, platform?: string): Image | null;
  inspect(ref: string, platform?: string): Image;
  /** Makes an image of what a container changed. */
  commit(options: CommitOptions, signal: AbortSignal): Promise<Image>;
}

/** Root file systems: one writable layer per container on top of an image's layers. */
export interface SnapshotPort {
  /** Returns what inspect shows of it. `isVolatile`: how it is going to be mounted for the container's runs. */
  create(containerId: string, chainIds: readonly string[], options: { isVolatile: boolean }): GraphDriverData;
  /**
   * Makes and mounts ahead what a `create` of the same may ask for, which uses it, and else discards it. It goes with `remove`, or with the
   * image's layers. Nothing is left when it throws.
   */
  prepare(containerId: string, chainIds: readonly string[], options: { isVolatile: boolean }): void;
  /** Mounts it (again is fine) and returns the path. */
  mount(containerId: string, options?: { isVolatile: boolean }): string;
  /** Not mounted is fine. It is gone from its place at once; settles when what was written is on the disk. */
  unmount(containerId: string): Promise<void>;
  /** The same without stopping the main loop. It is gone from its place when it settles; until then nobody may mount it. */
  unmountAside(containerId: string): Promise<void>;
  /** Mounts an image's layers on an existing directory; the caller unmounts it. */
  mountReadOnly(chainIds: readonly string[], target: string): void;
  /** Unmounts and deletes, and then the directory if one is given; none is fine. Rejects before that when the directory can't be removed. */
  remove(containerId: string, directory?: string): Promise<void>;
  /** Whether nothing is known that would keep the files of a container with such a directory from going when nobody waits for that. */
  canGoLater(directory: string): boolean;
  diskUsage(containerId: string): Promise<ContainerSize>;
  exists(containerId: string): boolean;
  /** Ids of all that exist. */
  list(): string[];
  /** The directory of the container's own layer. */
  upper(containerId: string): string;
  changes(containerId: string): Promise<{ path: string; kind: 0 | 1 | 2 }[]>;
}

/** The OCI runtime's side. */
export interface OciPort {
  runtimes: RuntimeRegistry;
  buildSpec(input: SpecInput): RuntimeSpec;
  execProcess(input: ProcessInput): RuntimeProcess;
  resolveUser(rootfs: string, user: string, groupAdd: readonly string[]): ResolvedUser & { home: string };
}

/** The control group that a process is in, v1 or v2; `CgroupControl` in host/cgroup is it. */
export interface CgroupPort {
  /** Every process in it and below. */
  pids(initPid: number, containerId: string): Promise<number[]>;
  freeze(initPid: number, containerId: string): Promise<void>;
  thaw(initPid: number, containerId: string): Promise<void>;
  /** Removes groups that nobody is in, by their path. */
  remove(path: string): Promise<void>;
}
