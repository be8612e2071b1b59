import type { CdiEdits } from '../cdi/cdi-spec.js';
import type { ProcessInput } from './process-input.js';

/** What the engine has decided about a container, complete and checked, ready to become an OCI runtime specification; and about its first process. */
export interface SpecInput extends ProcessInput {
  readonly containerId: string;
  /** Absolute path of the mounted root file system. */
  readonly rootfs: string;
  readonly readonlyRootfs: boolean;
  readonly hostname: string;
  readonly domainname: string;
  readonly namespaces: NamespaceChoices;
  /** All mounts on top of the standard ones (/proc, /dev, /sys, …), sorted by the builder; a destination given here replaces the standard mount. */
  readonly mounts: readonly SpecMount[];
  readonly shmSizeBytes: number;
  /** A host path to bind on /dev/shm (IPC shared with another container), or null for a private tmpfs. */
  readonly shmPath: string | null;
  /** false: no /dev/shm at all. */
  readonly hasShm?: boolean;
  /** Whether it certainly runs on this machine's kernel. */
  readonly isOnHostKernel: boolean;
  readonly seccomp: { kind: 'default' } | { kind: 'unconfined' } | { kind: 'profile'; json: string };
  readonly mountLabel: string;
  /** null: default list (none when privileged). */
  readonly maskedPaths: readonly string[] | null;
  readonly readonlyPaths: readonly string[] | null;
  readonly devices: readonly { pathOnHost: string; pathInContainer: string; cgroupPermissions: string }[];
  readonly deviceCgroupRules: readonly string[];
  readonly resources: SpecResources;
  /** `/docker/<id>` for cgroupfs; `system.slice:docker:<id>` for systemd. */
  readonly cgroupsPath: string;
  readonly cgroupVersion: 1 | 2;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Host path of the init binary to run as pid 1, or null. */
  readonly initPath: string | null;
  /** What CDI devices add. */
  readonly cdiEdits?: readonly CdiEdits[];
  /** Control groups are mounted such that the container can change its own. */
  readonly writableCgroups?: boolean;
}

/** 'private': a new one; 'host': the host's; otherwise a path to join. */
export interface NamespaceChoices {
  readonly pid: NamespaceChoice;
  readonly ipc: NamespaceChoice;
  readonly uts: NamespaceChoice;
  readonly network: NamespaceChoice;
  readonly cgroup: NamespaceChoice;
}

export type NamespaceChoice = 'private' | 'host' | { path: string };

export interface SpecMount {
  readonly type: 'bind' | 'tmpfs';
  readonly source: string;
  readonly destination: string;
  readonly readOnly: boolean;
  /** `rprivate`, `rslave`, …; '' for the default rprivate. */
  readonly propagation: string;
  /** Do not bind what is mounted below the source. */
  readonly nonRecursive: boolean;
  /** Read-only also for mounts below (kernel >= 5.12). */
  readonly recursiveReadOnly: boolean;
  /** More mount options, e.g. `size=64m`, `noexec`. */
  readonly options: readonly string[];
}

/** 0, '' and null mean "not set". */
export interface SpecResources {
  readonly memoryBytes: number;
  readonly memorySwapBytes: number;
  readonly memoryReservationBytes: number;
  readonly memorySwappiness: number | null;
  readonly oomKillDisable: boolean;
  readonly cpuShares: number;
  readonly cpuPeriod: number;
  readonly cpuQuota: number;
  readonly nanoCpus: number;
  readonly cpuRealtimePeriod: number;
  readonly cpuRealtimeRuntime: number;
  readonly cpusetCpus: string;
  readonly cpusetMems: string;
  readonly pidsLimit: number | null;
  readonly blkioWeight: number;
  readonly blkioWeightDevice: readonly { path: string; weight: number }[];
  readonly blkioReadBps: readonly { path: string; rate: number }[];
  readonly blkioWriteBps: readonly { path: string; rate: number }[];
  readonly blkioReadIops: readonly { path: string; rate: number }[];
  readonly blkioWriteIops: readonly { path: string; rate: number }[];
}
